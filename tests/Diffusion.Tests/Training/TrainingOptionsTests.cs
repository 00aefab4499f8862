using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class TrainingOptionsTests
{
    private static readonly TrainingOptions s_options = new() { LearningRate = new(1e-3, 1e-4, 1, 1, 10) };

    public static TheoryData<TrainingOptions> Wrong =>
    [
        s_options with { BatchSize = 0 },
        s_options with { MicroBatchSize = 0 },
        s_options with { NumCheckpoints = 0 },
        s_options with { Beta2 = 1 },
        s_options with { EmaDecay = 1 },
        s_options with { CheckpointInterval = 0 },
        s_options with { ValidationInterval = 0 },
        s_options with { RandomLengthRatio = -0.1 },
        s_options with { RandomLengthRatio = double.NaN },
        s_options with { WeightDecay = -1 },
        s_options with { MaxGradNorm = 0 },
        s_options with { NoiseLevels = new(-0.1, 1) },
        s_options with { NoiseLevels = new(0.5, 0.5) },
        s_options with { NoiseLevels = new(0, 1.1) },
        s_options with { NoiseLevels = new(0, double.NaN) },
        s_options with { LearningRate = new(-1, 0, 1, 1, 10) },
    ];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Each_mistake_is_told(TrainingOptions options) => Assert.Single(options.Validate());

    [Fact]
    public void Defaults_are_right() => Assert.Empty(s_options.Validate());
}
