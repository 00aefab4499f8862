using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests.Faults;

/// <summary>A seeded sample of the matrix that <c>tests/Benchmarks -- faults</c> runs in full.</summary>
public sealed class BatchFaultTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    /// <summary>About as many as a batch makes without a fault.</summary>
    private const int Seed = 20261, NumCalls = 120;

    private readonly TensorThread _tensors = new();

    public static TheoryData<Fault> Faults => [.. Enum.GetValues<Fault>().Where(fault => fault != Fault.None)];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Every_line_is_there_once_whatever_happens_at_whichever_call(Fault fault)
    {
        var random = new Random(Seed + (int)fault);
        using var models = TinyModel.NewHost(new WorkerOptions { ModelsPath = model.Folder, BatchTokens = 256 }, _tensors, await fixture.NewAccountAsync());
        int AnyCall() => random.Next(1, NumCalls + 1);
        TrialOptions[] trials =
        [
            new(fault, AnyCall(), IsRetried: random.Next(2) == 0),
            new(fault, AnyCall(), IsTwice: true),
            new(fault, AnyCall(), IsCancelled: true),
        ];
        foreach (var options in trials)
        {
            await using var trial = new BatchTrial(fixture.NewConnectionString(), models, TinyModel.Id, options);
            await trial.RunAsync();
        }
    }

    public void Dispose() => _tensors.Dispose();
}
