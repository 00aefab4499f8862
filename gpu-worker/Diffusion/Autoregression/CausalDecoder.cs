using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Autoregression;

/// <summary>Continues prompts with an autoregressive twin, token by token.</summary>
/// <remarks>
/// There is no cache: every step passes the whole rows, those of equal length together. Draws are a pure function of seed, row and
/// position.
/// Used on the thread of the model.
/// </remarks>
public sealed class CausalDecoder
{
    private readonly MaskPredictor _model;

    /// <param name="model">Causal.</param>
    public CausalDecoder(MaskPredictor model)
    {
        if (!model.Config.IsCausal)
            throw new ArgumentException("A diffusion model does not write token by token", nameof(model));
        _model = model;
    }

    /// <param name="prompts">Each with at least one token.</param>
    /// <returns>The tokens added to each prompt.</returns>
    public IReadOnlyList<int[]> Complete(IReadOnlyList<IReadOnlyList<int>> prompts, CausalDecodingOptions options)
    {
        using var noGradient = no_grad();
        if (prompts.Any(prompt => prompt.Count == 0))
            throw new ArgumentException("A prompt has at least one token", nameof(prompts));
        List<int>[] rows = [.. prompts.Select(prompt => _model.Config.VirtualTokens.Concat(prompt).ToList())];
        bool[] isDone = new bool[rows.Length];
        int context = _model.Config.MaxSequenceLength;
        for (int step = 0; step < options.MaxTokens; step++)
        {
            int[] active = [.. Enumerable.Range(0, rows.Length).Where(row => !isDone[row] && rows[row].Count < context)];
            if (active.Length == 0)
                break;
            foreach (var (row, token) in Next(rows, active, options))
            {
                rows[row].Add(token);
                isDone[row] = options.StopsAtEos && token == _model.Config.EosTokenId;
            }
        }
        return [.. rows.Zip(prompts, (row, prompt) => row.Skip(_model.Config.NumVirtualTokens + prompt.Count).ToArray())];
    }

    private IEnumerable<(int Row, int Token)> Next(List<int>[] rows, int[] active, CausalDecodingOptions options)
    {
        using var scope = NewDisposeScope();
        int[] ordered = [.. active.OrderBy(row => rows[row].Count)];
        List<Segment> segments = [];
        List<int> last = [];
        int start = 0;
        foreach (var group in ordered.GroupBy(row => rows[row].Count))
        {
            segments.Add(new Segment(start, group.Count(), group.Key));
            last.AddRange(Enumerable.Range(1, group.Count()).Select(row => start + (row * group.Key) - 1));
            start += group.Count() * group.Key;
        }
        var packed = new PackedTokens(
            Upload(ordered.SelectMany(row => rows[row])),
            Upload(ordered.SelectMany(row => Enumerable.Range(0, rows[row].Count))),
            segments);
        var hidden = _model.Hidden(packed).index_select(0, Upload(last));                                        // [N, D]
        var logits = _model.Logits(hidden).narrow(1, 0, _model.Config.VocabularySize);                           // [N, V]
        logits.select(1, _model.Config.MaskTokenId).fill_(StaticScalars.NegativeInfinity);
        if (options.Forbidden is { IsEmpty: false } forbidden)
            logits.index_fill_(1, forbidden.On(_model.Device), StaticScalars.NegativeInfinity);

        var random = new CounterRandom(options.Seed);
        var choice = new SamplingOptions { Temperature = options.Temperature };
        double Draw(int row) => random.Uniform((uint)rows[row].Count, (ulong)row, RandomStream.CausalToken);
        var (chosen, _) = TokenChoice.Choose(logits, [.. ordered.Select(row => new TokenRequest(choice, Draw(row)))]);
        long[] tokens = [.. chosen.cpu().data<long>()];
        return [.. ordered.Zip(tokens, (row, token) => (row, (int)token))];

        Tensor Upload(IEnumerable<int> values) => tensor([.. values.Select(value => (long)value)], device: _model.Device);
    }
}
