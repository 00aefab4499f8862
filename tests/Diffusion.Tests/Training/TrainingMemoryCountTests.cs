using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>The memory of a step, counted by hand for 20 tokens: width 1,000, keys and values of half that, a gated layer of 2,000, three layers, 10,000 ids.</summary>
public sealed class TrainingMemoryCountTests
{
    private static readonly LLaDAConfig s_config = TinyModel.Config with
    {
        ModelWidth = 1000,
        NumLayers = 3,
        NumHeads = 10,
        NumKeyValueHeads = 5,
        FeedForwardWidth = 2000,
        EmbeddingSize = 10_000,
    };

    private static readonly TrainingOptions s_options = new() { BatchSize = 2, LearningRate = new(1e-4, 1e-5, 1, 1, 10) };

    /// <summary>
    /// A token of a block takes 12 bytes by 2,000 in its norms (10 beside products in bfloat16), 4,000 numbers in attention and 8,000 in the gated layer. Beside the
    /// blocks stand the gradients of one, 10,000 numbers a token, and four float32 rows behind the last.
    /// </summary>
    [Theory]
    [InlineData(ScalarType.Float32, ScalarType.Float32, 72_000, 40_000, 4000)]
    [InlineData(ScalarType.Float32, ScalarType.BFloat16, 44_000, 20_000, 4000)]
    [InlineData(ScalarType.BFloat16, ScalarType.BFloat16, 44_000, 20_000, 2000)]
    public void Activations_are_those_of_all_blocks_or_of_one_and_the_inputs_of_all(ScalarType weightType, ScalarType computeType, long ofBlock, long ofGradients, long ofInput)
    {
        long Activations(TrainingOptions options) => TrainingMemory.Of(s_config, s_config.NumParameters, weightType, computeType, options, length: 10).Activations;

        Assert.Equal(20 * ((3 * ofBlock) + ofGradients + 16_000), Activations(s_options));
        Assert.Equal(20 * (ofBlock + (3 * ofInput) + ofGradients + 16_000), Activations(s_options with { ActivationCheckpointing = true }));
    }

    [Fact]
    public void Copies_of_the_weights_are_those_of_all_blocks_or_of_one_and_the_head()
    {
        long Weights(TrainingOptions options) => TrainingMemory.Of(s_config, s_config.NumParameters, ScalarType.Float32, ScalarType.BFloat16, options, length: 10).Weights;
        long blocks = s_config.NumNonEmbeddingParameters;

        Assert.Equal((4 * s_config.NumParameters) + (2 * blocks) + 20_000_000, Weights(s_options));
        Assert.Equal((4 * s_config.NumParameters) + (2 * (blocks / 3)) + 20_000_000, Weights(s_options with { ActivationCheckpointing = true }));
    }

    [Fact]
    public void Gradients_hold_the_largest_matrix_once_more_in_both_types()
    {
        long Gradients(ScalarType computeType) => TrainingMemory.Of(s_config, s_config.NumParameters, ScalarType.Float32, computeType, s_options, length: 10).Gradients;

        Assert.Equal((4 * s_config.NumParameters) + 40_000_000, Gradients(ScalarType.Float32));
        Assert.Equal((4 * s_config.NumParameters) + 60_000_000, Gradients(ScalarType.BFloat16));
    }

    [Fact]
    public void Logits_take_sixteen_bytes_each_a_chunk_at_a_time()
    {
        long Logits(int length) => TrainingMemory.Of(s_config, s_config.NumParameters, ScalarType.Float32, ScalarType.Float32, s_options, length).Logits;

        Assert.Equal(20L * 10_000 * 16, Logits(10));
        Assert.Equal((1 << 24) / 10_000 * 10_000L * 16, Logits(1000));
    }

    [Fact]
    public void Sum_is_written_in_gigabytes()
    {
        var memory = new TrainingMemory(Weights: 1_500_000_000, Gradients: 1_000_000_000, Optimizer: 999_000_000, Activations: 2_000_000, Logits: 4_000_000);

        Assert.Equal("weights 1.5 + gradients 1.0 + optimizer 0.999 + activations 0.002 + logits 0.004 = 3.5 GB", memory.ToString());
    }
}
