using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Preferences;
using LLaDA.Diffusion.Training.Reinforcement;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Tests.Training;

public sealed class TrainingRecipeTests
{
    [Fact]
    public void Noise_levels_are_the_jobs_or_all()
    {
        var job = new FineTuningJobRecord { Epochs = 1, BatchSize = 2, LearningRateMultiplier = 1 };
        var clipped = new FineTuningJobRecord { Epochs = 1, BatchSize = 2, LearningRateMultiplier = 1, MinNoise = 0.3, MaxNoise = 0.9 };

        Assert.Equal(NoiseLevels.All, TrainingRecipe.Options(job, numRows: 4).NoiseLevels);
        Assert.Equal(new NoiseLevels(0.3, 0.9), TrainingRecipe.Options(clipped, numRows: 4).NoiseLevels);
    }

    [Theory]
    [InlineData(null, 5e-7)]
    [InlineData(4, 5e-6)]
    public void Preferences_are_trained_as_published_unless_the_job_says_otherwise(int? rank, double rate)
    {
        FineTuningJobRecord Job() => new()
        {
            Method = FineTuningMethod.Dpo, Epochs = 1, BatchSize = 64, LearningRateMultiplier = 1, LoraRank = rank,
        };
        var own = Job();
        (own.Beta, own.NumSamples, own.SftWeight, own.NormalizesLength) = (0.5, 4, 0, true);

        var options = TrainingRecipe.Options(Job(), numRows: 350_000);

        Assert.Equal(new PreferenceOptions { Beta = 0.2, NumSamples = 8, SftWeight = 0.05 }, options.Preference);
        Assert.Equal(LearningRateSchedule.Cosine(rate, 0, 15, 5469), options.LearningRate);
        Assert.Equal((0.01, 64 * 16), (options.WeightDecay, options.RowsOfStep));
        Assert.Equal(
            new PreferenceOptions { Beta = 0.5, NumSamples = 4, SftWeight = 0, NormalizesLength = true },
            TrainingRecipe.Options(own, numRows: 64).Preference);
    }

    [Theory]
    [InlineData(null, 1e-7)]
    [InlineData(4, 1e-6)]
    public void Rewards_are_learnt_as_published_unless_the_job_says_otherwise(int? rank, double rate)
    {
        FineTuningJobRecord Job(ReinforcementSettings settings) => new()
        {
            Method = FineTuningMethod.Reinforcement, Epochs = 1, BatchSize = 8, LearningRateMultiplier = 1, LoraRank = rank,
            Reinforcement = settings.ToJson(),
        };
        var grader = JsonDocument.Parse("{}").RootElement;
        var own = new ReinforcementSettings
        {
            Grader = grader, GroupSize = 4, NumIterations = 3, NumSamples = 1, ClipRange = 0.1, Beta = 0, MaxTokens = 32, Steps = 8,
            BlockLength = 16, Temperature = 0.5,
        };

        var options = TrainingRecipe.Options(Job(new() { Grader = grader, MaxTokens = 256 }), numRows: 81);

        Assert.Equal(new ReinforcementOptions(), options.Reinforcement);
        Assert.Equal(LearningRateSchedule.Cosine(rate, rate / 10, 0, 22), options.LearningRate);
        Assert.Equal((0.99, 0.2, 8 * 20), (options.Beta2, options.MaxGradNorm, options.RowsOfStep));
        Assert.Equal(
            new ReinforcementOptions
            {
                GroupSize = 4, NumIterations = 3, NumSamples = 1, ClipRange = 0.1, Beta = 0, MaxAnswerTokens = 32, SamplingSteps = 8,
                BlockLength = 16, Temperature = 0.5,
            },
            TrainingRecipe.Options(Job(own), numRows: 8).Reinforcement);
    }

    [Theory]
    [InlineData(256, 512, 4)]
    [InlineData(256, 4, 256)]
    [InlineData(3, 4096, 1)]
    public void A_micro_batch_on_a_CPU_has_no_more_tokens_than_a_pass_of_sampling(int batchSize, int length, int expected)
    {
        var job = new FineTuningJobRecord { Epochs = 1, BatchSize = batchSize, LearningRateMultiplier = 1, LoraRank = 2 };
        var config = new LLaDAConfig
        {
            ModelWidth = 16,
            NumLayers = 1,
            NumHeads = 2,
            NumKeyValueHeads = 2,
            FeedForwardWidth = 16,
            VocabularySize = 16,
            EmbeddingSize = 16,
            MaxSequenceLength = 4096,
            MaskTokenId = 15,
            EosTokenId = 14,
            PadTokenId = 14,
        };

        var fitting = TrainingRecipe.Fitting(
            TrainingRecipe.Options(job, numRows: 512), config, numTrained: 64, ScalarType.Float32, ScalarType.Float32, length, CPU);

        Assert.Equal(expected, fitting.MicroBatchSize);
        Assert.False(fitting.ActivationCheckpointing);
    }
}
