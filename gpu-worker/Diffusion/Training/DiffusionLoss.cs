using LLaDA.Diffusion.Kernels;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The Monte Carlo estimate of the likelihood bound (LLaDA, Equation 3): cross entropy of the masked tokens, each weighted by 1 / p_mask.
/// </summary>
/// <remarks>
/// The head and the cross entropy run on masked positions alone; the host drew the masks, so choosing them costs no synchronisation.
/// </remarks>
public static class DiffusionLoss
{
    /// <summary>
    /// Logits that exist at a time in <see cref="Backward"/>: with their probabilities and gradients about 16 bytes each.
    /// </summary>
    private const int DefaultMaxLogits = 1 << 24;

    /// <summary>Pretraining: summed over masked tokens, divided by all B * L tokens.</summary>
    /// <returns>A scalar, float32; its expectation bounds -log p(x_0) / L from above, in nats.</returns>
    public static Tensor Pretraining(MaskPredictor model, NoisedBatch batch) =>
        SupervisedFineTuning(model, batch, new int[batch.BatchSize]);

    /// <summary>SFT: by default each row's sum is divided by its answer length, padding EOS included, and the rows are averaged.</summary>
    /// <param name="batch">With the prompts restored.</param>
    /// <param name="promptLengths">[B].</param>
    /// <returns>A scalar, float32.</returns>
    public static Tensor SupervisedFineTuning(
        MaskPredictor model, NoisedBatch batch, int[] promptLengths, LossReduction reduction = LossReduction.Answer)
    {
        using var scope = NewDisposeScope();
        batch = batch.Weigh(promptLengths, reduction);
        var hidden = model.Hidden(batch.Pack(model));                                                           // [T, D]
        return CrossEntropy(model, Masked(model, hidden, batch), [.. batch.Masked], batch.Weights, batch.Focal).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Adds the gradients of the loss to those of the parameters, with little memory: the logits of a vocabulary of 126,464 exist for a few
    /// masked tokens at a time.
    /// </summary>
    /// <param name="batch">The global batch, or a slice of it, with its weights.</param>
    /// <param name="recomputes">Activation checkpointing: a third more work for the memory of one block instead of all.</param>
    /// <param name="maxLogits">Logits that exist at a time.</param>
    /// <param name="balanceWeight">Of the balance loss of experts (<see cref="RouterBalance"/>); 0 for none.</param>
    /// <returns>The loss, [1], on the model's device.</returns>
    internal static Tensor Backward(
        MaskPredictor model, NoisedBatch batch, bool recomputes = false, int maxLogits = DefaultMaxLogits, double balanceWeight = 0)
    {
        using var scope = NewDisposeScope();
        var total = zeros(1, device: model.Device);
        if (batch.Masked.Count == 0)
            return total.MoveToOuterDisposeScope();

        var balance = balanceWeight > 0 ? new RouterBalance(model.Config, balanceWeight * batch.Share, scope) : null;
        var pass = new CheckpointedForward(model, batch, recomputes, balance);
        if (balance is not null)
            total.add_(balance.Loss(), StaticScalars.One);
        var hidden = pass.Hidden.requires_grad_(true);
        var masked = Masked(model, hidden, batch);                                                                // [N, D]
        List<Tensor> gradients = [];
        foreach (var (start, tokens) in Chunks(model, batch, maxLogits))
        {
            using var chunkScope = NewDisposeScope();
            var chunk = masked.narrow(0, start, tokens.Length).detach().requires_grad_(true);
            total.add_(BackwardThroughHead(model, chunk, tokens, Weights(batch, start, tokens.Length), batch.Focal), StaticScalars.One);
            gradients.Add(chunk.grad!.MoveToOuterDisposeScope());
        }
        masked.backward([cat(gradients)]);
        pass.Backward(hidden.grad!);
        return total.MoveToOuterDisposeScope();
    }

    /// <summary>Through the head alone.</summary>
    /// <param name="hidden">[N, D], whose gradient is set.</param>
    /// <returns>The loss, of one number.</returns>
    private static Tensor BackwardThroughHead(
        MaskPredictor model, Tensor hidden, MaskedToken[] tokens, ReadOnlySpan<float> weights, FocalLoss? focal)
    {
        if (focal is null && model.training && TrainingKernels.Suit(model.Device, model.ComputeType, model.Config.EmbeddingSize))
        {
            var logits = model.ComputedLogits(hidden);
            var gradient = logits.detach();
            double sum = CrossEntropyKernel.ReplaceByGradient(gradient, [.. tokens.Select(token => token.Token)], weights.ToArray());
            logits.backward([gradient]);
            return tensor([(float)sum]);
        }
        var loss = CrossEntropy(model, hidden, tokens, weights, focal);
        loss.backward();
        return loss.detach();
    }

    /// <summary>The loss alone, with as little memory.</summary>
    internal static double Evaluate(MaskPredictor model, NoisedBatch batch)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var total = zeros(1, device: model.Device);
        var masked = Masked(model, model.Hidden(batch.Pack(model)), batch);
        foreach (var (start, tokens) in Chunks(model, batch))
        {
            using var chunkScope = NewDisposeScope();
            var part = masked.narrow(0, start, tokens.Length);
            var loss = CrossEntropy(model, part, tokens, Weights(batch, start, tokens.Length), batch.Focal);
            total.add_(loss, StaticScalars.One);
        }
        return total.cpu().item<float>();
    }

    /// <summary>The same for each row, added up in float64.</summary>
    /// <returns>[B].</returns>
    internal static double[] EvaluateRows(MaskPredictor model, NoisedBatch batch)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        double[] sums = new double[batch.BatchSize];
        if (batch.Masked.Count == 0)
            return sums;
        var masked = Masked(model, model.Hidden(batch.Pack(model)), batch);
        foreach (var (start, tokens) in Chunks(model, batch))
        {
            using var chunkScope = NewDisposeScope();
            var losses = CrossEntropies(model, masked.narrow(0, start, tokens.Length), tokens).cpu();
            foreach (var (index, crossEntropy) in losses.data<float>().ToArray().Index())
                sums[tokens[index].Row] += (double)Weights(batch, start, tokens.Length)[index] * crossEntropy;
        }
        return sums;
    }

    /// <summary>Masked tokens whose logits exist at a time.</summary>
    internal static int ChunkSize(LLaDAConfig config, int maxLogits = DefaultMaxLogits) => Math.Max(16, maxLogits / config.EmbeddingSize);

    private static Tensor Masked(MaskPredictor model, Tensor hidden, NoisedBatch batch) =>
        hidden.index_select(0, PinnedUpload.To(hidden.device, batch.Places(model.Config)));

    private static IEnumerable<(int Start, MaskedToken[] Tokens)> Chunks(
        MaskPredictor model, NoisedBatch batch, int maxLogits = DefaultMaxLogits)
    {
        int size = ChunkSize(model.Config, maxLogits);
        return batch.Masked.Chunk(size).Select((tokens, index) => (index * size, tokens));
    }

    private static ReadOnlySpan<float> Weights(NoisedBatch batch, int start, int count) =>
        (batch.Weights ?? throw new ArgumentException("The masked tokens have no weights", nameof(batch))).AsSpan(start, count);

    /// <param name="hidden">[N, D].</param>
    /// <param name="weights">[N].</param>
    /// <returns>A scalar.</returns>
    private static Tensor CrossEntropy(
        MaskPredictor model, Tensor hidden, MaskedToken[] tokens, ReadOnlySpan<float> weights, FocalLoss? focal)
    {
        float[] factors = weights.ToArray();
        var crossEntropies = CrossEntropies(model, hidden, tokens);
        return ((focal?.Of(crossEntropies) ?? crossEntropies) * PinnedUpload.To(model.Device, factors)).sum();
    }

    /// <returns>[N].</returns>
    private static Tensor CrossEntropies(MaskPredictor model, Tensor hidden, MaskedToken[] tokens)
    {
        var targets = PinnedUpload.To(model.Device, [.. tokens.Select(token => (long)token.Token)]);
        return nn.functional.cross_entropy(model.Logits(hidden), targets, reduction: nn.Reduction.None);
    }
}
