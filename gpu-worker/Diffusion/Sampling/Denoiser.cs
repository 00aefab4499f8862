using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Advances rows by one denoising step together: one forward pass, the head where predictions are needed, a piece of the places at a time,
/// and one synchronisation with the device.
/// </summary>
internal sealed class Denoiser : IDisposable
{
    private readonly MaskPredictor _model;
    private readonly int _numTokens;
    private readonly int _placesAtOnce;
    private readonly TokenSet _endOfText;
    private readonly TokenSet _deferred;
    private readonly TokenSet _mask;

    /// <param name="model">Predicts; used on the calling thread only.</param>
    /// <param name="numTokens">Ids from here on stand for nothing and are never predicted; null for the model's vocabulary size.</param>
    /// <param name="placesAtOnce">Places whose logits exist at a time; null for those of <see cref="HeadPieces"/>.</param>
    public Denoiser(MaskPredictor model, int? numTokens, int? placesAtOnce = null)
    {
        var config = model.Config;
        if (config.IsCausal)
            throw new ArgumentException("An autoregressive twin does not denoise", nameof(model));
        _model = model;
        Caches = new KeyValueArena(config, model.ComputeType, model.Device);
        _numTokens = Math.Min(numTokens ?? config.VocabularySize, config.VocabularySize);
        _placesAtOnce = placesAtOnce ?? HeadPieces.Size(config);
        _endOfText = new TokenSet([config.EosTokenId]);
        _deferred = new TokenSet(config.EndTokenIds);
        _mask = new TokenSet(config.MaskTokenId < _numTokens ? [config.MaskTokenId] : []);
    }

    /// <summary>Where cached rows keep their keys and values.</summary>
    public KeyValueArena Caches { get; }

    /// <param name="rows">None of them done.</param>
    /// <param name="onFailure">Called for a row whose transfer fails; the others continue.</param>
    public void Step(IReadOnlyList<DenoisingRow> rows, Action<DenoisingRow, Exception> onFailure)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var pass = new StepPass(_model, Caches, rows);
        Candidate[] candidates = [.. rows.SelectMany(row => Candidates(row, pass))];
        var hidden = pass.Hidden();                                                                              // [T, D]
        Candidate[][] pieces = [.. candidates.Chunk(_placesAtOnce)];
        Tensor[] decided = [.. pieces.Select(piece => Decide(hidden, piece))];
        TransferEach(rows, Download(pieces, decided), onFailure);
    }

    public void Dispose()
    {
        Caches.Dispose();
        _endOfText.Dispose();
        _deferred.Dispose();
        _mask.Dispose();
    }

    private static IEnumerable<Candidate> Candidates(DenoisingRow row, StepPass pass) =>
        row.Candidates.Select((position, index) => new Candidate(
            row, index, position, row.ForcedToken(position), pass.PlaceOf(row, isUnconditional: false, position),
            row.IsGuided ? pass.PlaceOf(row, isUnconditional: true, position) : null));

    /// <summary>Chooses the tokens of a piece of the candidates.</summary>
    /// <param name="hidden">[T, D].</param>
    /// <returns>
    /// Float64, which holds every token id and every float32: n tokens, n logarithms of their probability, n of their confidence and n
    /// ranks, and behind them <see cref="TopTokens"/>.
    /// </returns>
    private Tensor Decide(Tensor hidden, Candidate[] candidates)
    {
        using var scope = NewDisposeScope();
        var logits = GuidedLogits(hidden, candidates);                                                           // [n, V']
        FillRows(logits, candidates, candidate => candidate.ForbidsEos ? _endOfText : null);
        var logProbabilities = nn.functional.log_softmax(logits, -1);                                            // [n, V']

        var permitted = Permit(logProbabilities, candidates);
        RowPart[] parts = [.. Parts(candidates)];
        Tensor[] top = [.. TopTokens.Of(permitted, parts)];
        var (tokens, ranks) = TokenChoice.Choose(
            RepetitionPenalty.Apply(permitted, parts), Array.ConvertAll(candidates, candidate => candidate.Request));
        OverwriteForced(tokens, candidates);
        var probabilities = logProbabilities.gather(1, tokens.unsqueeze(1)).squeeze(1);                          // [n]
        var confidence = WithDeferredEnds(logits, tokens, probabilities, candidates);
        Tensor[] results = [tokens, probabilities, confidence, ranks, .. top];
        return cat([.. results.Select(result => result.to(ScalarType.Float64))]).MoveToOuterDisposeScope();
    }

    /// <summary>Predictions for the candidates; for guided ones those without the given tokens too.</summary>
    private Tensor GuidedLogits(Tensor hidden, Candidate[] candidates)
    {
        using var scope = NewDisposeScope();
        var logits = Logits(hidden, [.. candidates.Select(candidate => (long)candidate.Place)]);                 // [n, V']
        long[] guided = [.. candidates.Index().Where(entry => entry.Item.Row.IsGuided).Select(entry => (long)entry.Index)];
        if (guided.Length == 0)
            return logits.MoveToOuterDisposeScope();

        var unconditional = Logits(hidden, [.. guided.Select(index => (long)candidates[index].UnconditionalPlace!.Value)]);
        var indices = PinnedUpload.To(_model.Device, guided);
        float[] factors = [.. guided.Select(index => (float)(candidates[index].Options.CfgScale + 1))];
        var scales = PinnedUpload.To(_model.Device, factors).unsqueeze(1);
        var conditional = logits.index_select(0, indices);
        return logits.index_copy(0, indices, unconditional.Add(scales * (conditional - unconditional))).MoveToOuterDisposeScope();
    }

    /// <summary>The head at some places, which are filled up as the tokens of a pass are.</summary>
    private Tensor Logits(Tensor hidden, List<long> places)
    {
        using var scope = NewDisposeScope();
        int numPlaces = places.Count, multiple = _model.RowMultiple;
        while (places.Count % multiple != 0)
            places.Add(0);
        var selected = hidden.index_select(0, PinnedUpload.To(_model.Device, [.. places]));
        return _model.Logits(selected).narrow(0, 0, numPlaces).MoveToOuterDisposeScope();
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
    private Prediction[] Download(Candidate[][] pieces, Tensor[] decided)
    {
        using var joined = cat(decided).cpu();
        double[] values = [.. joined.data<double>()];
        List<Prediction> predictions = [];
        int start = 0;
        foreach (var (piece, results) in pieces.Zip(decided))
        {
            predictions.AddRange(Read(piece, values.AsSpan(start, (int)results.numel())));
            start += (int)results.numel();
        }
        return [.. predictions];
    }

    /// <param name="values">What <see cref="Decide"/> returned.</param>
    private Prediction[] Read(Candidate[] candidates, ReadOnlySpan<double> values)
    {
        int count = candidates.Length;
        var predictions = new Prediction[count];
        for (int index = 0; index < count; index++)
        {
            predictions[index] = new Prediction(
                candidates[index].Position,
                (int)values[index],
                Math.Exp(values[count + index]),
                candidates[index].Request.RanksByDistribution ? values[(3 * count) + index] : Math.Exp(values[(2 * count) + index]));
        }
        TopTokens.Read(values[(4 * count)..], values.Slice(count, count), [.. Parts(candidates)], _numTokens, predictions);
        return predictions;
    }

    private static IEnumerable<RowPart> Parts(Candidate[] candidates)
    {
        for (int start = 0, end; start < candidates.Length; start = end)
        {
            var first = candidates[start];
            for (end = start + 1; end < candidates.Length && candidates[end].Row == first.Row;)
                end++;
            yield return new RowPart(first.Row, first.Index, end - start);
        }
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
    /// <param name="Index">Among the row's candidates.</param>
    /// <param name="Place">Of the pass, whose logits predict it.</param>
    /// <param name="UnconditionalPlace">The same where the given tokens are masked; null for a row without guidance.</param>
    private readonly record struct Candidate(
        DenoisingRow Row, int Index, int Position, int? ForcedToken, int Place, int? UnconditionalPlace)
    {
        public SamplingOptions Options => Row.Options;

        public TokenRequest Request => new(
            Options, Options.Temperature > 0 ? Row.TokenDraw(Position) : 0, Row.Measure, Row.FiltersByTopPFirst);

        public TokenSet? Forbidden => ForcedToken is null ? Options.Forbidden : null;

        public TokenSet? ForbiddenHere => ForcedToken is null ? Row.ForbiddenAt(Position) : null;

        public bool ForbidsEos => ForcedToken is null && Options.ForbidsEos;
    }
}
