using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>
/// Trainings of six steps, with a checkpoint each, through every fault: the result has to be that of an undisturbed one, losses and weights
/// alike.
/// </summary>
internal sealed class TrainingMatrix(TinyModel model, TensorThread tensors, TrialAccounts accounts)
{
    private const int NumExamples = 6;

    private static readonly string s_examples = string
        .Concat(Enumerable.Range(1, NumExamples)
        .Select(index => $$"""{"prompt":"the quick {{index}}","completion":" brown fox"}""" + "\n"));

    private sealed record Options(Fault Fault, int AtCall, bool InFunctions = false, bool IsTwice = false);

    public async Task<int> RunAsync(IReadOnlyList<Fault> faults, int numTrials, int seed, CancellationToken cancellation)
    {
        (string Model, string Metrics) expected = ("", "");
        int calls = 0;
        async Task<string> TrialAsync(Options options)
        {
            await using var trial = new TrainingTrial(await accounts.NewAsync(), model.Folder, TinyModel.Id, tensors);
            var job = await trial.CreateAsync(Job(), s_examples);
            calls = await trial.RunAsync(job, options.Fault, options.AtCall, options.InFunctions, options.IsTwice);
            if (options.Fault == Fault.NotFound && (await trial.FindAsync(job)).Status == FineTuningStatus.Failed)
                return "failed for a file that storage denied";
            var result = await trial.ResultAsync(job);
            if (expected.Model.Length == 0)
                expected = (result.Model, result.Metrics);
            return (result.Model, result.Metrics) == expected ? "the same result" : throw new TrialException("The result is another one");
        }

        await TrialAsync(new Options(Fault.None, 0, InFunctions: true));
        int failed = await FaultMatrix.RunAsync(
            "Trainings, faults of the functions", faults
                .Select(fault => new FaultKind<Options>($"{fault}", (call, _) => new Options(fault, call, InFunctions: true))),
                calls, numTrials, seed, TrialAsync, cancellation);
        await TrialAsync(new Options(Fault.None, 0));
        IEnumerable<FaultKind<Options>> kinds = faults
            .Select(fault => new FaultKind<Options>($"{fault}", (call, _) => new Options(fault, call)));
        return failed + await FaultMatrix.RunAsync("Trainings, faults of the worker", [.. kinds,
            new("every message twice", (call, _) => new Options(Fault.None, call, IsTwice: true)),
            new("any fault, every message twice", (call, random) => new Options(faults[random.Next(faults.Count)], call, IsTwice: true))],
                calls, numTrials, seed, TrialAsync, cancellation);
    }

    private static FineTuningJobRecord Job() => new()
    {
        Method = FineTuningMethod.Supervised,
        Suffix = "mine",
        Seed = 7,
        Epochs = 2,
        BatchSize = 2,
        LearningRateMultiplier = 100,
        LoraRank = 2,
        LoraAlpha = 4,
    };
}
