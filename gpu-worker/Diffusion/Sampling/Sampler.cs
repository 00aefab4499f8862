using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// The reverse process: starting from a canvas with masks, each step predicts all masked tokens of the current block and keeps some of them
/// (LLaDA, Algorithms 4 and 5, semi-autoregressive where a block is shorter than the canvas).
/// </summary>
/// <remarks>
/// Rows differ freely in length, masks, steps, blocks, temperature, guidance, caches and seed: the model has no time input, so rows at
/// different steps share a forward pass. On a CPU a row's result depends on its own request alone, bit for bit.
/// <see cref="SamplingEngine"/> does the same for rows that come and go.
/// </remarks>
/// <param name="model">Predicts; used on the calling thread only.</param>
/// <param name="numTokens">Ids from here on stand for nothing and are never predicted; null for the model's vocabulary size.</param>
public sealed class Sampler(MaskPredictor model, int? numTokens = null) : IDisposable
{
    private readonly Denoiser _denoiser = new(model, numTokens);

    /// <summary>The shape of the model.</summary>
    public LLaDAConfig Config => model.Config;

    /// <summary>Denoises a batch of canvases, all in one pass a step.</summary>
    /// <param name="cancellation">Observed between steps.</param>
    /// <returns>By row.</returns>
    /// <exception cref="ArgumentException">A row's options are out of range, or it does not fit the model.</exception>
    public IReadOnlyList<SampledRow> Sample(IReadOnlyList<SamplingRow> rows, CancellationToken cancellation = default)
    {
        using var scope = NewDisposeScope();
        List<DenoisingRow> all = [];
        try
        {
            foreach (var row in rows)
                all.Add(DenoisingRow.Create(row, model.Config));
            while (all.Where(row => !row.IsDone).ToList() is { Count: > 0 } active)
            {
                cancellation.ThrowIfCancellationRequested();
                _denoiser.Step(active, static (_, exception) => throw exception);
            }
            return [.. all.Select(row => row.ToSampled())];
        }
        finally
        {
            all.ForEach(row => row.Dispose());
        }
    }

    public void Dispose() => _denoiser.Dispose();
}
