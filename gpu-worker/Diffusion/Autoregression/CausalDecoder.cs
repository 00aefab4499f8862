using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Autoregression;

/// <summary>How an autoregressive twin writes on.</summary>
public sealed record CausalDecodingOptions
{
    /// <summary>Tokens to add, at least 0, unless an end stops the row before.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>0 takes the most probable token (greedy); above, tokens are drawn from softmax(logits / temperature).</summary>
    public double Temperature { get; init; }

    /// <summary>Tokens that are never chosen, besides [MASK]; null for none.</summary>
    public TokenSet? Forbidden { get; init; }

    /// <summary>Whether the end of text stops a row; it is part of the answer.</summary>
    public bool StopsAtEos { get; init; } = true;

    public ulong Seed { get; init; }
}

/// <summary>Writes on from prompts with an autoregressive twin, token by token.</summary>
/// <remarks>Plain: every step passes the whole rows again, those of equal length together. Draws are a pure function of seed, row and position. Used on the thread of the model.</remarks>
/// <param name="model">Causal.</param>
public sealed class CausalDecoder(MaskPredictor model)
{
    private const uint TokenPurpose = 41;

    private readonly MaskPredictor _model = model.Config.IsCausal ? model : throw new ArgumentException("A diffusion model does not write token by token", nameof(model));

    /// <param name="prompts">Each with at least one token.</param>
    /// <returns>The tokens added to each prompt.</returns>
    public IReadOnlyList<int[]> Complete(IReadOnlyList<IReadOnlyList<int>> prompts, CausalDecodingOptions options)
    {
        using var noGradient = no_grad();
        List<int>[] rows = [.. prompts.Select(prompt => prompt.ToList())];
        bool[] isDone = [.. rows.Select(row => row.Count == 0 ? throw new ArgumentException("A prompt has at least one token", nameof(prompts)) : false)];
        for (int step = 0; step < options.MaxTokens; step++)
        {
            int[] active = [.. Enumerable.Range(0, rows.Length).Where(row => !isDone[row] && rows[row].Count < _model.Config.MaxSequenceLength)];
            if (active.Length == 0)
                break;
            foreach (var (row, token) in Next(rows, active, options))
            {
                rows[row].Add(token);
                isDone[row] = options.StopsAtEos && token == _model.Config.EosTokenId;
            }
        }
        return [.. rows.Zip(prompts, (row, prompt) => row.Skip(prompt.Count).ToArray())];
    }

    private IEnumerable<(int Row, int Token)> Next(List<int>[] rows, int[] active, CausalDecodingOptions options)
    {
        using var scope = NewDisposeScope();
        int[] ordered = [.. active.OrderBy(row => rows[row].Count)];
        List<Segment> segments = [];
        List<long> last = [];
        int start = 0;
        foreach (var group in ordered.GroupBy(row => rows[row].Count))
        {
            segments.Add(new Segment(start, group.Count(), group.Key));
            last.AddRange(Enumerable.Range(1, group.Count()).Select(row => (long)start + (row * group.Key) - 1));
            start += group.Count() * group.Key;
        }
        var packed = new PackedTokens(
            tensor([.. ordered.SelectMany(row => rows[row]).Select(token => (long)token)], device: _model.Device),
            tensor([.. ordered.SelectMany(row => Enumerable.Range(0, rows[row].Count)).Select(position => (long)position)], device: _model.Device),
            segments);
        var logits = _model.Logits(_model.Hidden(packed).index_select(0, tensor([.. last], device: _model.Device))).narrow(1, 0, _model.Config.VocabularySize);
        logits.select(1, _model.Config.MaskTokenId).fill_(StaticScalars.NegativeInfinity);
        if (options.Forbidden is { IsEmpty: false } forbidden)
            logits.index_fill_(1, forbidden.On(_model.Device), StaticScalars.NegativeInfinity);

        var random = new CounterRandom(options.Seed);
        var choice = new SamplingOptions { Temperature = options.Temperature };
        double[] draws = [.. ordered.Select(row => random.Uniform((uint)rows[row].Count, (ulong)row, TokenPurpose))];
        long[] tokens = [.. TokenChoice.Choose(logits, [.. Enumerable.Repeat(choice, ordered.Length)], draws).cpu().data<long>()];
        return [.. ordered.Zip(tokens, (row, token) => (row, (int)token))];
    }
}
