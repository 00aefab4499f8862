using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>The size of the tensors of a forward pass: rows and tokens of a row, both including padding.</summary>
public sealed record CanvasShape(int BatchSize, int Length);

/// <summary>
/// The reverse process: starting from a canvas with masks, each step predicts all masked tokens of the current block and keeps some of them (LLaDA, Algorithms 4
/// and 5, semi-autoregressive where a block is shorter than the canvas).
/// </summary>
/// <remarks>
/// Rows differ freely in length, masks, steps, blocks, temperature, guidance and seed: the model has no time input, so rows at different steps share a forward
/// pass. A row's result depends on its own request and on the <see cref="CanvasShape"/> alone, bit for bit: not on what the other rows hold or ask for.
/// </remarks>
/// <param name="model">Predicts; used on the calling thread only.</param>
/// <param name="numTokens">Ids from here on stand for nothing and are never predicted; the model's vocabulary size where the tokenizer has no say.</param>
public sealed class Sampler(MaskPredictor model, int? numTokens = null) : IDisposable
{
    /// <summary>
    /// The head's input is padded to a multiple of this many rows. Matrix products of very few rows take other paths through the processor and round
    /// differently, which would let the number of a neighbour's masks be felt.
    /// </summary>
    private const int HeadRows = 16;

    private readonly int _numTokens = Math.Min(numTokens ?? model.Config.VocabularySize, model.Config.VocabularySize);
    private readonly TokenSet _endOfText = new([model.Config.EosTokenId]);
    private readonly TokenSet _deferred = new(model.Config.EotTokenId is { } eot ? [model.Config.EosTokenId, eot] : [model.Config.EosTokenId]);
    private readonly TokenSet _mask = new(model.Config.MaskTokenId < Math.Min(numTokens ?? int.MaxValue, model.Config.VocabularySize) ? [model.Config.MaskTokenId] : []);

    /// <summary>Denoises a batch of canvases.</summary>
    /// <param name="rows">At least one.</param>
    /// <param name="shape">Pads to this shape; null takes the number of rows and the longest one.</param>
    /// <param name="cancellation">Seen between steps.</param>
    /// <exception cref="ArgumentException">A row's options are out of range, or a row does not fit the shape or the model.</exception>
    public IReadOnlyList<SampledRow> Sample(IReadOnlyList<SamplingRow> rows, CanvasShape? shape = null, CancellationToken cancellation = default)
    {
        shape ??= new CanvasShape(rows.Count, rows.Max(row => row.Canvas.Count));
        foreach (var (index, row) in rows.Index())
        {
            if (row.Options.Validate().FirstOrDefault() is { Sentence: { } sentence })
                throw new ArgumentException($"Row {index}: {sentence}", nameof(rows));
            if (row.Canvas.Count is 0 || row.Canvas.Count > shape.Length || rows.Count > shape.BatchSize)
                throw new ArgumentException($"Row {index} with {row.Canvas.Count} tokens does not fit into {shape}", nameof(rows));
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        DenoisingRow[] states = [.. rows.Select(row => new DenoisingRow(row, model.Config.MaskTokenId))];
        var isToken = IsToken(states, shape);
        while (Array.Exists(states, row => !row.IsDone))
        {
            cancellation.ThrowIfCancellationRequested();
            Step(states, shape, isToken);
        }
        return [.. states.Select(row => row.ToSampled())];
    }

    public void Dispose()
    {
        _endOfText.Dispose();
        _deferred.Dispose();
        _mask.Dispose();
    }

    private void Step(DenoisingRow[] states, CanvasShape shape, Tensor? isToken)
    {
        using var scope = NewDisposeScope();
        Candidate[] candidates = [.. states.Index().SelectMany(row => row.Item.Candidates.Select(position => new Candidate(row.Item, row.Index, position)))];
        var logits = GuidedLogits(states, candidates, shape, isToken);                                           // [N, V']
        FillRows(logits, candidates, candidate => candidate.Row.Options.ForbidsEos ? _endOfText : null);

        double[] draws = [.. candidates.Select(candidate => candidate.Row.Options.Temperature > 0 ? candidate.Row.TokenDraw(candidate.Position) : 0)];
        var tokens = TokenChoice.Choose(Permitted(logits, candidates), [.. candidates.Select(candidate => candidate.Row.Options)], draws);
        var probabilities = TokenChoice.LogProbability(logits, tokens);                                          // [N]
        var confidence = WithDeferredEnds(logits, tokens, probabilities, candidates);

        // The step's one synchronisation with the device: from here on each row decides for itself on the host.
        long[] chosen = [.. tokens.cpu().data<long>()];
        double[] probability = [.. probabilities.cpu().data<float>().Select(value => Math.Exp(value))];
        double[] confidenceOfChosen = [.. confidence.cpu().data<float>().Select(value => Math.Exp(value))];

        int start = 0;
        foreach (var row in states.Where(row => !row.IsDone))
        {
            int count = row.Candidates.Count;
            row.Commit(chosen.AsSpan(start, count), probability.AsSpan(start, count), confidenceOfChosen.AsSpan(start, count));
            start += count;
        }
    }

    /// <summary>Predictions for the candidates; guided rows also take a forward pass in which all given tokens are masked.</summary>
    private Tensor GuidedLogits(DenoisingRow[] states, Candidate[] candidates, CanvasShape shape, Tensor? isToken)
    {
        var logits = Logits(Tokens(states, shape, isUnconditional: false), isToken, candidates, shape);
        int[] guided = [.. candidates.Index().Where(entry => entry.Item.Row.Options.CfgScale > 0).Select(entry => entry.Index)];
        if (guided.Length == 0)
            return logits;

        Candidate[] guidedCandidates = [.. guided.Select(index => candidates[index])];
        var unconditional = Logits(Tokens(states, shape, isUnconditional: true), isToken, guidedCandidates, shape);
        var indices = tensor([.. guided.Select(index => (long)index)], device: model.Device);
        var scales = tensor([.. guidedCandidates.Select(candidate => (float)(candidate.Row.Options.CfgScale + 1))], device: model.Device).unsqueeze(1);
        var conditional = logits.index_select(0, indices);
        return logits.index_copy(0, indices, unconditional + (scales * (conditional - unconditional)));
    }

    private Tensor Logits(Tensor tokens, Tensor? isToken, Candidate[] candidates, CanvasShape shape)
    {
        long[] indices = new long[(candidates.Length + HeadRows - 1) / HeadRows * HeadRows];
        foreach (var (index, candidate) in candidates.Index())
            indices[index] = ((long)candidate.RowIndex * shape.Length) + candidate.Position;
        var hidden = model.Hidden(tokens, isToken).flatten(0, 1).index_select(0, tensor(indices, device: model.Device));
        return model.Logits(hidden).narrow(0, 0, candidates.Length);                                             // [N, V']
    }

    /// <summary>The logits to choose from. What may not be chosen keeps its share of the probability: a confidence is the model's own.</summary>
    /// <returns>[N, V], a copy.</returns>
    private Tensor Permitted(Tensor logits, Candidate[] candidates)
    {
        var permitted = logits.narrow(1, 0, _numTokens).clone();
        permitted.index_fill_(1, _mask.On(model.Device), float.NegativeInfinity);
        FillRows(permitted, candidates, candidate => candidate.Row.Options.Forbidden);
        return permitted;
    }

    /// <summary>Candidates stand row by row, so those that share a set of tokens form runs.</summary>
    private static void FillRows(Tensor logits, Candidate[] candidates, Func<Candidate, TokenSet?> tokensOf)
    {
        for (int start = 0, end; start < candidates.Length; start = end)
        {
            var tokens = tokensOf(candidates[start]);
            for (end = start + 1; end < candidates.Length && tokensOf(candidates[end]) == tokens;)
                end++;
            if (tokens is { IsEmpty: false })
                logits.narrow(0, start, end - start).index_fill_(1, tokens.On(logits.device), float.NegativeInfinity);
        }
    }

    /// <summary>Where a row defers its ends: the confidence among all other tokens, and 0 for an end itself, so that it is committed last.</summary>
    private Tensor WithDeferredEnds(Tensor logits, Tensor tokens, Tensor probabilities, Candidate[] candidates)
    {
        if (!Array.Exists(candidates, candidate => candidate.Row.Options.DefersEos))
            return probabilities;
        var withoutEnds = logits.clone();
        FillRows(withoutEnds, candidates, candidate => candidate.Row.Options.DefersEos ? _deferred : null);
        return TokenChoice.LogProbability(withoutEnds, tokens);
    }

    /// <returns>[B, L], int64, on the model's device.</returns>
    private Tensor Tokens(DenoisingRow[] states, CanvasShape shape, bool isUnconditional)
    {
        long[] tokens = new long[shape.BatchSize * shape.Length];
        Array.Fill(tokens, model.Config.PadTokenId);
        foreach (var (index, row) in states.Index())
        {
            bool masksGiven = isUnconditional && row.Options.CfgScale > 0;
            for (int position = 0; position < row.Canvas.Length; position++)
                tokens[(index * shape.Length) + position] = masksGiven && row.IsGiven[position] ? model.Config.MaskTokenId : row.Canvas[position];
        }
        return tensor(tokens, [shape.BatchSize, shape.Length], device: model.Device);
    }

    /// <returns>[B, L], true where a row has a token; null for a single row without padding. A row of nothing but padding sees its first position.</returns>
    private Tensor? IsToken(DenoisingRow[] states, CanvasShape shape)
    {
        if (shape.BatchSize == 1 && states[0].Canvas.Length == shape.Length)
            return null;
        bool[] isToken = new bool[shape.BatchSize * shape.Length];
        for (int row = 0; row < shape.BatchSize; row++)
            isToken.AsSpan(row * shape.Length, row < states.Length ? states[row].Canvas.Length : 1).Fill(true);
        return tensor(isToken, [shape.BatchSize, shape.Length], device: model.Device);
    }

    private readonly record struct Candidate(DenoisingRow Row, int RowIndex, int Position);
}
