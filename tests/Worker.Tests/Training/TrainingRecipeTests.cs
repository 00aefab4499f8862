using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Training;

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
}
