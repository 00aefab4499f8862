using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>The ends of every range of a run's options: what lies on them is accepted, what lies beyond is not.</summary>
public sealed class TrainingBoundsTests
{
    private static readonly TrainingOptions s_options = new() { LearningRate = new(1e-3, 1e-4, 1, 1, 10) };

    public static TheoryData<TrainingOptions> Beyond =>
    [
        s_options with { Beta1 = -0.1 },
        s_options with { Beta1 = 1 },
        s_options with { Beta1 = double.NaN },
        s_options with { Beta2 = -0.1 },
        s_options with { Beta2 = double.NaN },
        s_options with { EmaDecay = -0.1 },
        s_options with { EmaDecay = double.NaN },
        s_options with { RandomLengthRatio = 1.1 },
        s_options with { WeightDecay = double.NaN },
        s_options with { MaxGradNorm = -1 },
        s_options with { MaxGradNorm = double.NaN },
        s_options with { Optimizer = (OptimizerKind)7 },
        s_options with { HasComplements = true, MasksEveryRow = true },
        s_options with { HasComplements = true, Preference = new() },
    ];

    public static TheoryData<TrainingOptions> On =>
    [
        s_options with { BatchSize = 1, MicroBatchSize = 1, CheckpointInterval = 1, ValidationInterval = 1, NumCheckpoints = 1 },
        s_options with { Beta1 = 0, Beta2 = 0, EmaDecay = 0, WeightDecay = 0 },
        s_options with { RandomLengthRatio = 1 },
        s_options with { HasComplements = true },
        s_options with { LearningRate = new(1e-3, 1e-3, 0, 0, 1) },
        s_options with { LearningRate = new(1e-3, 0, 5, 5, 10) },
    ];

    [Theory]
    [MemberData(nameof(Beyond))]
    public void Value_beyond_a_range_is_refused(TrainingOptions options) => Assert.NotEmpty(Assert.Single(options.Validate()));

    [Theory]
    [MemberData(nameof(On))]
    public void Value_on_an_end_is_accepted(TrainingOptions options) => Assert.Empty(options.Validate());

    [Fact]
    public void Objective_names_all_that_a_run_minimises()
    {
        Assert.Equal("Answer over t in [0, 1], random lengths 0, average none", s_options.Objective);
        Assert.Equal("Token over t in [0.2, 0.8] stratified, random lengths 0.01, average 0.99",
            (s_options with
                { Reduction = LossReduction.Token, NoiseLevels = new(0.2, 0.8),
                StratifiesTimes = true, RandomLengthRatio = 0.01, EmaDecay = 0.99 }).Objective);
    }

    [Fact]
    public void Unknown_shapes_are_refused()
    {
        var schedule = new LearningRateSchedule(1, 0, 0, 10, 10) { Decay = (RateDecay)2 };
        var batch = new NoisedBatch([0], BatchSize: 1, Length: 1, []);

        Assert.Throws<InvalidOperationException>(() => schedule.At(5));
        Assert.Throws<ArgumentOutOfRangeException>(() => LossWeights.Of([0], batch, (LossReduction)99));
    }
}
