using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Advances rows by one denoising step together: one forward pass, the head where predictions are needed, and one synchronisation with
/// the device.
/// </summary>
internal sealed class Denoiser : IDisposable
{
    private readonly MaskPredictor _model;
    private readonly int _numTokens;
    private readonly TokenSet _endOfText;
    private readonly TokenSet _deferred;
    private readonly TokenSet _mask;

    /// <param name="model">Predicts; used on the calling thread only.</param>
    /// <param name="numTokens">Ids from here on stand for nothing and are never predicted; null for the model's vocabulary size.</param>
    public Denoiser(MaskPredictor model, int? numTokens)
    {
        var config = model.Config;
        if (config.IsCausal)
            throw new ArgumentException("An autoregressive twin does not denoise", nameof(model));
        _model = model;
        _numTokens = Math.Min(numTokens ?? config.VocabularySize, config.VocabularySize);
        _endOfText = new TokenSet([config.EosTokenId]);
        _deferred = new TokenSet(config.EndTokenIds);
        _mask = new TokenSet(config.MaskTokenId < _numTokens ? [config.MaskTokenId] : []);
    }

    /// <param name="rows">None of them done.</param>
    /// <param name="onFailure">Called for a row whose transfer fails; the others continue.</param>
    public void Step(IReadOnlyList<DenoisingRow> rows, Action<DenoisingRow, Exception> onFailure)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Candidate[] candidates = [.. rows.SelectMany(Candidates)];
        var logits = GuidedLogits(rows, candidates);                                                             // [N, V']
        FillRows(logits, candidates, candidate => candidate.ForbidsEos ? _endOfText : null);
        var logProbabilities = nn.functional.log_softmax(logits, -1);                                            // [N, V']

        var permitted = Permit(logProbabilities, candidates);
        var requests = Array.ConvertAll(candidates, candidate => candidate.Request);
        Tensor[] top = [.. TopTokens.Of(permitted, rows)];
        var (tokens, ranks) = TokenChoice.Choose(RepetitionPenalty.Apply(permitted, rows), requests);
        OverwriteForced(tokens, candidates);
        var probabilities = logProbabilities.gather(1, tokens.unsqueeze(1)).squeeze(1);                          // [N]
        var confidence = WithDeferredEnds(logits, tokens, probabilities, candidates);
        TransferEach(rows, Download(rows, candidates, requests, [tokens, probabilities, confidence, ranks, .. top]), onFailure);
    }

    public void Dispose()
    {
        _endOfText.Dispose();
        _deferred.Dispose();
        _mask.Dispose();
    }

    private static IEnumerable<Candidate> Candidates(DenoisingRow row) =>
        row.Candidates.Select(position => new Candidate(row, position, row.ForcedToken(position)));

    /// <summary>Predictions for the candidates; guided rows pass a second time with all given tokens masked.</summary>
    private Tensor GuidedLogits(IReadOnlyList<DenoisingRow> rows, Candidate[] candidates)
    {
        var pass = new StepPass(_model);
        foreach (var row in rows)
            pass.Add(row, isUnconditional: false);
        foreach (var row in rows.Where(row => row.IsGuided))
            pass.Add(row, isUnconditional: true);
        var logits = pass.Logits();
        var conditional = logits.narrow(0, 0, candidates.Length);                                                // [N, V']
        long[] guided = [.. candidates.Index().Where(entry => entry.Item.Row.IsGuided).Select(entry => (long)entry.Index)];
        if (guided.Length == 0)
            return conditional;

        var indices = PinnedUpload.To(_model.Device, guided);
        float[] factors = [.. guided.Select(index => (float)(candidates[index].Options.CfgScale + 1))];
        var scales = PinnedUpload.To(_model.Device, factors).unsqueeze(1);
        var unconditional = logits.narrow(0, candidates.Length, guided.Length);
        return conditional.index_copy(0, indices, unconditional.Add(scales * (conditional.index_select(0, indices) - unconditional)));
    }

    /// <summary>Masks forbidden tokens in place after the softmax, so confidences stay normalised over the full vocabulary.</summary>
    /// <returns>[N, V], a view of <paramref name="logProbabilities"/>.</returns>
    private Tensor Permit(Tensor logProbabilities, Candidate[] candidates)
    {
        FillRows(logProbabilities, candidates, candidate => candidate.Forbidden);
        FillRows(logProbabilities, candidates, candidate => candidate.ForbiddenHere);
        var permitted = logProbabilities.narrow(1, 0, _numTokens);
        permitted.index_fill_(1, _mask.On(_model.Device), StaticScalars.NegativeInfinity);
        return permitted;
    }

    private void OverwriteForced(Tensor tokens, Candidate[] candidates)
    {
        List<long> indices = [], forced = [];
        foreach (var (index, candidate) in candidates.Index())
        {
            if (candidate.ForcedToken is { } token)
            {
                indices.Add(index);
                forced.Add(token);
            }
        }
        if (forced.Count > 0)
            tokens.index_copy_(0, PinnedUpload.To(_model.Device, [.. indices]), PinnedUpload.To(_model.Device, [.. forced]));
    }

    /// <summary>
    /// Where a row defers its ends: the confidence among all other tokens, and 0 for an end itself, so that it is committed last.
    /// </summary>
    private Tensor WithDeferredEnds(Tensor logits, Tensor tokens, Tensor probabilities, Candidate[] candidates)
    {
        if (!Array.Exists(candidates, candidate => candidate.Options.DefersEos))
            return probabilities;
        var withoutEnds = logits.clone();
        FillRows(withoutEnds, candidates, candidate => candidate.Options.DefersEos ? _deferred : null);
        return TokenChoice.LogProbability(withoutEnds, tokens);
    }

    /// <summary>The step's one synchronisation with the device: from here on each row decides for itself on the host.</summary>
    /// <param name="results">Tokens, log-probabilities, confidences and ranks, [N] each, and behind them <see cref="TopTokens"/>.</param>
    private Prediction[] Download(
        IReadOnlyList<DenoisingRow> rows, Candidate[] candidates, TokenRequest[] requests, IEnumerable<Tensor> results)
    {
        // Float64 holds every token id and every float32.
        var all = cat([.. results.Select(result => result.to(ScalarType.Float64))]);
        double[] values = [.. all.cpu().data<double>()];
        int count = candidates.Length;
        var predictions = new Prediction[count];
        for (int index = 0; index < count; index++)
        {
            bool isRanked = requests[index].RanksByDistribution;
            predictions[index] = new Prediction(
                candidates[index].Position,
                (int)values[index],
                Math.Exp(values[count + index]),
                isRanked ? values[(3 * count) + index] : Math.Exp(values[(2 * count) + index]));
        }
        TopTokens.Read(values.AsSpan(4 * count), values.AsSpan(count, count), rows, _numTokens, predictions);
        return predictions;
    }

    private static void TransferEach(IReadOnlyList<DenoisingRow> rows, Prediction[] predictions, Action<DenoisingRow, Exception> onFailure)
    {
        int start = 0;
        foreach (var row in rows)
        {
            int count = row.Candidates.Count;
            try
            {
                row.Transfer(new ArraySegment<Prediction>(predictions, start, count));
            }
            catch (Exception exception)
            {
                onFailure(row, exception);
            }
            start += count;
        }
    }

    /// <summary>Sets logits to -inf. Candidates stand row by row, so those that share a set of tokens form runs.</summary>
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

    /// <summary>A position that needs a prediction.</summary>
    /// <remarks>
    /// A forced token is scored, not chosen, so nothing is forbidden in its place: an end of text behind a gap has its probability too.
    /// </remarks>
    private readonly record struct Candidate(DenoisingRow Row, int Position, int? ForcedToken)
    {
        public SamplingOptions Options => Row.Options;

        public TokenRequest Request => new(
            Options, Options.Temperature > 0 ? Row.TokenDraw(Position) : 0, Row.Measure, Row.FiltersByTopPFirst);

        public TokenSet? Forbidden => ForcedToken is null ? Options.Forbidden : null;

        public TokenSet? ForbiddenHere => ForcedToken is null ? Row.ForbiddenAt(Position) : null;

        public bool ForbidsEos => ForcedToken is null && Options.ForbidsEos;
    }
}
