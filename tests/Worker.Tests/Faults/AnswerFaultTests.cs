using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests.Faults;

/// <summary>A seeded sample of the matrix that <c>tests/Benchmarks -- faults --of answers</c> runs in full.</summary>
public sealed class AnswerFaultTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    /// <summary>About as many as an answer makes without a fault.</summary>
    private const int Seed = 20263, NumCalls = 30;

    private readonly TensorThread _tensors = new();

    public static TheoryData<Fault> Faults => [.. Enum.GetValues<Fault>().Where(fault => fault != Fault.None)];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task An_answer_is_there_once_whatever_happens_at_whichever_call(Fault fault)
    {
        var random = new Random(Seed + (int)fault);
        using var models = TinyModel.NewHost(model.Folder, _tensors, await fixture.NewAccountAsync());
        for (int trial = 0; trial < 3; trial++)
        {
            var options = new TrialOptions(fault, random.Next(1, NumCalls + 1), IsRetried: trial == 1, IsTwice: trial == 2);
            await using var answer = new AnswerTrial(fixture.NewConnectionString(), models, TinyModel.Id, options);
            await answer.RunAsync();
        }
    }

    public void Dispose() => _tensors.Dispose();
}
