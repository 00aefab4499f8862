using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// A row while it is sampled: its canvas, the positions that pass in the coming step and the tokens that a step commits. Each family's
/// reverse process is a class below this one.
/// </summary>
internal abstract class DenoisingRow : IDisposable
{
    private readonly SamplingRow _row;
    private readonly CounterRandom _random;
    private readonly double[] _confidence;
    private readonly RowTracer? _tracer;
    private readonly TokenLogProbabilities?[]? _logProbabilities;

    private uint _step;
    private int _numForwards;
    private long _numTokenForwards;
    private KeyValueCache? _conditional;
    private KeyValueCache? _unconditional;

    /// <param name="row">Behind the virtual tokens of the model.</param>
    /// <param name="numPadding">Masks behind the canvas that are filled with it and left out of the result.</param>
    protected DenoisingRow(SamplingRow row, LLaDAConfig config, int numPadding = 0)
    {
        (_row, Config) = (row, config);
        Canvas = [.. row.Canvas, .. Enumerable.Repeat(config.MaskTokenId, numPadding)];
        IsGiven = [.. Canvas.Select(token => token != config.MaskTokenId)];
        _random = new CounterRandom(row.Options.Seed);
        _confidence = [.. Canvas.Select(_ => 1.0)];
        _tracer = row.IsTraced ? new RowTracer(Canvas.Length) : null;
        _logProbabilities = row.NumTop is null ? null : new TokenLogProbabilities?[Canvas.Length];
        Targets = [.. SamplingRowCheck.Targets(row, config), .. Enumerable.Range(row.Canvas.Count, numPadding)];
    }

    public SamplingOptions Options => _row.Options;

    public bool IsGuided => Options.CfgScale > 0;

    /// <inheritdoc cref="SamplingRow.NumTop"/>
    public int? NumTop => _row.NumTop;

    /// <summary>The tokens, virtual ones and padding included.</summary>
    public int[] Canvas { get; }

    /// <summary>By position: false where the canvas was masked at the start.</summary>
    public bool[] IsGiven { get; }

    public abstract bool IsDone { get; }

    /// <summary>The block in work, from 0; a process without blocks has one.</summary>
    protected virtual int Block => 0;

    /// <summary>The position from which on committed tokens may still change; null where none does.</summary>
    protected virtual int? RevisableFrom => null;

    /// <summary>Positions that this step needs predictions for, ascending.</summary>
    public IReadOnlyList<int> Candidates { get; protected set; } = [];

    /// <summary>Positions that pass through the network in this step, ascending; null for the whole canvas.</summary>
    public int[]? PassedPositions { get; protected set; }

    /// <summary>
    /// Tokens of the blocks that <see cref="PassedPositions"/> consists of, each of which sees itself and the positions before it; null
    /// where every position sees all.
    /// </summary>
    public virtual int? BlockLength => null;

    /// <summary>What ranks this row's predictions.</summary>
    public virtual ConfidenceMeasure Measure => Options.Remasking switch
    {
        Remasking.MaskgitPlus => ConfidenceMeasure.DrawnProbability,
        Remasking.TopkMargin => ConfidenceMeasure.Margin,
        Remasking.Entropy or Remasking.EntropyBounded => ConfidenceMeasure.NegativeEntropy,
        _ => ConfidenceMeasure.Probability,
    };

    /// <summary>Whether top_p applies before top_k, as in Dream's reference; elsewhere it applies to what top_k leaves.</summary>
    public bool FiltersByTopPFirst => Config.Family.ShiftsLogits;

    protected LLaDAConfig Config { get; }

    /// <summary>The positions to fill, ascending.</summary>
    protected int[] Targets { get; }

    /// <summary>Steps done, those that needed no pass included.</summary>
    protected uint NumSteps => _step;

    /// <exception cref="ArgumentException">
    /// An option is out of range or not one of the model, the canvas does not fit it, a target is not masked, or an id is not a token.
    /// </exception>
    public static DenoisingRow Create(SamplingRow row, LLaDAConfig config)
    {
        SamplingRowCheck.Require(row, config);
        row = row.Behind(config);
        return config.Family.IsBlockCausal ? new BlockCausalRow(row, config)
            : row.Options.IsTimed ? new TimedRow(row, config)
            : new CanvasRow(row, config);
    }

    /// <summary>Whether keys and values are kept between steps; otherwise the whole canvas passes in each.</summary>
    public bool KeepsKeysAndValues => Options.Cache != CachePolicy.None || BlockLength is not null;

    /// <summary>
    /// Keys and values of the canvas, or of the one with all given tokens masked; null where nothing is kept. Owned by this row.
    /// </summary>
    public KeyValueCache? CacheIn(KeyValueArena arena, bool isUnconditional)
    {
        if (!KeepsKeysAndValues)
            return null;
        ref var cache = ref isUnconditional ? ref _unconditional : ref _conditional;
        return cache ??= arena.Rent(Canvas.Length);
    }

    /// <summary>Tokens of the canvases that it will keep and has no place for yet.</summary>
    public int NumPlacesMissing => KeepsKeysAndValues
        ? Canvas.Length * ((_conditional is null ? 1 : 0) + (IsGuided && _unconditional is null ? 1 : 0))
        : 0;

    /// <summary>The row's share of a pass and of the memory for it, in tokens that pass.</summary>
    /// <param name="keptShare">A kept token's memory as a share of that of a token that passes.</param>
    public virtual int NumTokensHeld(double keptShare) => Canvas.Length * (IsGuided ? 2 : 1);

    /// <summary>The token that a masked target is forced to take; null where it is predicted.</summary>
    public int? ForcedToken(int position) =>
        _row.ForcedTokens is { } forced && forced.TryGetValue(position, out int token) ? token : null;

    /// <summary>Tokens that are not predicted at a position besides those of the options; null for none.</summary>
    public TokenSet? ForbiddenAt(int position) => _row.ForbiddenAt?.GetValueOrDefault(position);

    /// <summary>By token: how many generated positions hold it. Ends of text and of turn are left out.</summary>
    public IReadOnlyDictionary<int, int> CountGenerated() => Targets
        .Where(position => position < _row.Canvas.Count && !IsMasked(position) && !Config.IsEnd(Canvas[position]))
        .CountBy(position => Canvas[position])
        .ToDictionary();

    /// <summary>The uniform number that draws the token of a position in this step.</summary>
    public double TokenDraw(int position) => Draw(position, RandomStream.Token);

    /// <summary>Commits the predictions that this step keeps, and prepares the next step.</summary>
    /// <param name="predictions">By candidate.</param>
    public void Transfer(IReadOnlyList<Prediction> predictions)
    {
        int halves = IsGuided ? 2 : 1;
        _numForwards += halves;
        _numTokenForwards += halves * (PassedPositions?.Length ?? Canvas.Length);
        int block = Block;
        Commit(predictions);
        _step++;
        Advance();
        _row.OnStep?.Invoke(Progress(block));
    }

    public virtual SampledRow ToSampled()
    {
        var (start, end) = (Config.NumVirtualTokens, _row.Canvas.Count);
        return new(Canvas[start..end], _confidence[start..end], _numForwards, _numTokenForwards)
        {
            Trace = _tracer?.ToTrace(start, end),
            LogProbabilities = _logProbabilities?[start..end],
        };
    }

    public void Dispose()
    {
        _conditional?.Dispose();
        _unconditional?.Dispose();
        (_conditional, _unconditional) = (null, null);
    }

    /// <summary>Writes the tokens that this step keeps.</summary>
    protected abstract void Commit(IReadOnlyList<Prediction> predictions);

    /// <summary>Prepares the next step, or ends the row.</summary>
    protected abstract void Advance();

    protected bool IsMasked(int position) => Canvas[position] == Config.MaskTokenId;

    protected double ConfidenceAt(int position) => _confidence[position];

    protected double Draw(int position, RandomStream stream) =>
        _row.Draws?.Invoke(stream, _step, position) ?? _random.Uniform(_step, (ulong)position, stream);

    /// <summary>A step that commits nothing needs no pass.</summary>
    protected void SkipStep() => _step++;

    protected void Write(IEnumerable<Prediction> predictions)
    {
        foreach (var prediction in predictions)
        {
            if (!IsMasked(prediction.Position))
                TraceTakenBack(prediction.Position);
            _tracer?.Commit(prediction.Position, StepInWork);
            Canvas[prediction.Position] = prediction.Token;
            _confidence[prediction.Position] = prediction.Probability;
            if (_logProbabilities is not null)
                _logProbabilities[prediction.Position] = prediction.LogProbabilities;
        }
    }

    protected void MaskAgain(int position)
    {
        TraceTakenBack(position);
        (Canvas[position], _confidence[position]) = (Config.MaskTokenId, 1);
        if (_logProbabilities is not null)
            _logProbabilities[position] = null;
    }

    /// <summary>
    /// Where the row stops at an end, and a target holds one with no mask among the targets before it: fills the targets behind it with the
    /// end of text.
    /// </summary>
    /// <returns>Whether the row is at its end.</returns>
    protected bool TryStop()
    {
        if (!Options.StopsAtEos || SettledEnd() is not { } end)
            return false;
        foreach (int position in Targets[(end + 1)..])
        {
            (Canvas[position], _confidence[position]) = (Config.EosTokenId, 1);
            _tracer?.Commit(position, step: 0);
        }
        return true;
    }

    private int StepInWork => (int)_step + 1;

    private DenoisingProgress Progress(int block)
    {
        var (start, end) = (Config.NumVirtualTokens, _row.Canvas.Count);
        int[] masked = [.. Targets.Where(position => position < end && IsMasked(position))];
        int settled = masked.Length == 0 ? end : masked[0];
        return new DenoisingProgress((int)_step, new ArraySegment<int>(Canvas, start, end - start), masked.Length)
        {
            Block = block,
            SettledTo = (IsDone ? end : Math.Min(settled, RevisableFrom ?? end)) - start,
        };
    }

    private void TraceTakenBack(int position) =>
        _tracer?.TakeBack(position, Canvas[position], _confidence[position], StepInWork);

    /// <summary>The index of the first target that holds an end, if no target before it is masked.</summary>
    private int? SettledEnd()
    {
        for (int index = 0; index < Targets.Length && !IsMasked(Targets[index]); index++)
        {
            if (Config.IsEnd(Canvas[Targets[index]]))
                return index;
        }
        return null;
    }
}
