using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>Takes rows one denoising step on, together: one forward pass, the head where predictions are needed, and one synchronisation with the device.</summary>
/// <param name="model">Predicts; used on the calling thread only.</param>
/// <param name="numTokens">Ids from here on stand for nothing and are never predicted.</param>
internal sealed class Denoiser(MaskPredictor model, int numTokens) : IDisposable
{
    private const int HeadRows = 16;

    private readonly MaskPredictor _model = model.Config.IsCausal ? throw new ArgumentException("An autoregressive twin does not denoise", nameof(model)) : model;
    private readonly TokenSet _endOfText = new([model.Config.EosTokenId]);
    private readonly TokenSet _deferred = new(model.Config.EndTokenIds);
    private readonly TokenSet _mask = new(model.Config.MaskTokenId < numTokens ? [model.Config.MaskTokenId] : []);

    /// <param name="rows">None of them done.</param>
    /// <param name="onFailure">Called for a row whose commit fails; the others go on.</param>
    public void Step(IReadOnlyList<DenoisingRow> rows, Action<DenoisingRow, Exception> onFailure)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Candidate[] candidates = [.. rows.SelectMany(row => row.Candidates.Select(position => new Candidate(row, position)))];
        var logits = GuidedLogits(rows, candidates);                                                             // [N, V']
        FillRows(logits, candidates, candidate => candidate.Row.Options.ForbidsEos && !candidate.IsKnown ? _endOfText : null);
        var logProbabilities = nn.functional.log_softmax(logits, -1);                                            // [N, V']

        double[] draws = [.. candidates.Select(candidate => candidate.Row.Options.Temperature > 0 ? candidate.Row.TokenDraw(candidate.Position) : 0)];
        var permitted = Permit(logProbabilities, candidates);
        var tokens = TokenChoice.Choose(permitted, [.. candidates.Select(candidate => candidate.Row.Options)], draws);
        OverwriteForced(tokens, candidates);
        var probabilities = logProbabilities.gather(1, tokens.unsqueeze(1)).squeeze(1);                          // [N]
        var confidence = WithDeferredEnds(logits, tokens, probabilities, candidates);

        // The step's one synchronisation with the device: from here on each row decides for itself on the host. Float64 holds every token id and every float32.
        double[] values = [.. cat([tokens.to(ScalarType.Float64), probabilities.to(ScalarType.Float64), confidence.to(ScalarType.Float64)]).cpu().data<double>()];
        int count = candidates.Length;
        Prediction[] predictions = [.. candidates.Select((candidate, index) => new Prediction(
            candidate.Position, (int)values[index], Math.Exp(values[count + index]), Math.Exp(values[(2 * count) + index])))];
        CommitEach(rows, predictions, onFailure);
    }

    public void Dispose()
    {
        _endOfText.Dispose();
        _deferred.Dispose();
        _mask.Dispose();
    }

    private static void CommitEach(IReadOnlyList<DenoisingRow> rows, Prediction[] predictions, Action<DenoisingRow, Exception> onFailure)
    {
        int start = 0;
        foreach (var row in rows)
        {
            int count = row.Candidates.Count;
            try
            {
                row.Commit(new ArraySegment<Prediction>(predictions, start, count));
            }
            catch (Exception exception)
            {
                onFailure(row, exception);
            }
            start += count;
        }
    }

    /// <summary>Predictions for the candidates; guided rows pass a second time with all given tokens masked.</summary>
    private Tensor GuidedLogits(IReadOnlyList<DenoisingRow> rows, Candidate[] candidates)
    {
        var pass = new StepPass(_model);
        List<long> places = [.. rows.SelectMany(row => pass.Add(row, isUnconditional: false))];
        places.AddRange(rows.Where(row => row.IsGuided).SelectMany(row => pass.Add(row, isUnconditional: true)));
        int numPlaces = places.Count;
        while (places.Count % HeadRows != 0)
            places.Add(0);
        var logits = _model.Logits(pass.Hidden().index_select(0, PinnedUpload.To(_model.Device, [.. places])));
        var conditional = logits.narrow(0, 0, candidates.Length);                                                // [N, V']
        if (numPlaces == candidates.Length)
            return conditional;

        long[] guided = [.. candidates.Index().Where(entry => entry.Item.Row.IsGuided).Select(entry => (long)entry.Index)];
        var indices = PinnedUpload.To(_model.Device, guided);
        var scales = PinnedUpload.To(_model.Device, [.. guided.Select(index => (float)(candidates[index].Row.Options.CfgScale + 1))]).unsqueeze(1);
        var unconditional = logits.narrow(0, candidates.Length, guided.Length);
        return conditional.index_copy(0, indices, unconditional.Plus(scales * (conditional.index_select(0, indices) - unconditional)));
    }

    /// <summary>
    /// What to choose from, written over <paramref name="logProbabilities"/>: only what is never chosen changes. It keeps its share of the probability: a confidence is the
    /// model's own. A known token is not chosen, so nothing is forbidden in its place: an end of text behind a gap has its probability too.
    /// </summary>
    /// <returns>[N, V], a view.</returns>
    private Tensor Permit(Tensor logProbabilities, Candidate[] candidates)
    {
        FillRows(logProbabilities, candidates, candidate => candidate.IsKnown ? null : candidate.Row.Options.Forbidden);
        var permitted = logProbabilities.narrow(1, 0, numTokens);
        permitted.index_fill_(1, _mask.On(_model.Device), StaticScalars.NegativeInfinity);
        return permitted;
    }

    private void OverwriteForced(Tensor tokens, Candidate[] candidates)
    {
        (long Index, long Token)[] known = [.. candidates.Index().Where(entry => entry.Item.IsKnown)
            .Select(entry => ((long)entry.Index, (long)entry.Item.Row.ForcedToken(entry.Item.Position)!.Value))];
        if (known.Length > 0)
            tokens.index_copy_(0, PinnedUpload.To(_model.Device, [.. known.Select(entry => entry.Index)]), PinnedUpload.To(_model.Device, [.. known.Select(entry => entry.Token)]));
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
                logits.narrow(0, start, end - start).index_fill_(1, tokens.On(logits.device), StaticScalars.NegativeInfinity);
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

    private readonly record struct Candidate(DenoisingRow Row, int Position)
    {
        public bool IsKnown => Row.ForcedToken(Position) is not null;
    }
}
