using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// The process of block-causal models: blocks lie at multiples of their length, and a block sees itself and the blocks before it. So keys
/// and values of finished blocks are exact and kept, and only the current block passes. The prompt's tail belongs to the first block.
/// </summary>
/// <remarks>
/// A block that has just been finished passes once more, for its keys and values, together with the first step of the next one; so do the
/// blocks of the prompt. A last block that is not full is filled up with masks, which the references do too.
/// </remarks>
internal sealed class BlockCausalRow : DenoisingRow
{
    private readonly SamplingOptions _rule;
    private readonly int _blockLength;

    private int _start;
    private int[] _targetsOfBlock = [];
    private Queue<int> _quotas = new();
    private bool _wasComplete;
    private int _numEdited;
    private int _numPostSteps;
    private bool _isDone;

    public BlockCausalRow(SamplingRow row, LLaDAConfig config)
        : base(row, config, NumPadding(row, config))
    {
        _blockLength = LengthOf(row, config);
        // The references compare with >, so that nothing qualifies at 1.
        _rule = row.Options with { Threshold = row.Options.Threshold is { } threshold ? Math.BitIncrement(threshold) : null };
        EnterBlock(from: 0);
        PrefixLength = _isDone ? 0 : _start;
    }

    public override bool IsDone => _isDone;

    public override int? BlockLength => _blockLength;

    protected override int Block => _start / _blockLength;

    protected override int? RevisableFrom => Options.EditingThreshold is not null && !_isDone ? _targetsOfBlock[0] : null;

    public override ConfidenceMeasure Measure => Options.Remasking == Remasking.LowConfidence
        ? ConfidenceMeasure.DrawnProbability
        : base.Measure;

    /// <summary>Leading positions, whole blocks without a target: their keys and values follow from their tokens alone.</summary>
    public int PrefixLength { get; }

    /// <summary>Leading positions whose final keys and values are in the cache.</summary>
    public int NumKept { get; private set; }

    /// <summary>Leading positions whose keys and values were computed for another row.</summary>
    public int NumReused { get; private set; }

    /// <summary>Whether keys and values of the prefix are still to be computed and may come from another row.</summary>
    /// <remarks>Guidance masks the prefix in its second half, which other rows rarely share.</remarks>
    public bool SharesPrefix => NumKept < PrefixLength && !IsGuided;

    /// <summary>Notes that keys and values up to a position, a multiple of the block length, were put into the cache.</summary>
    public void Reuse(int numTokens)
    {
        NumReused = NumKept = numTokens;
        PassUnkept();
    }

    public override int NumTokensHeld(double keptShare) =>
        ((PassedPositions?.Length ?? 0) + (int)Math.Ceiling(Canvas.Length * keptShare)) * (IsGuided ? 2 : 1);

    public override SampledRow ToSampled() => base.ToSampled() with
    {
        NumReusedTokens = Math.Max(0, NumReused - Config.NumVirtualTokens),
    };

    protected override void Commit(IReadOnlyList<Prediction> predictions)
    {
        Prediction[] masked = [.. predictions.Where(prediction => IsMasked(prediction.Position))];
        Prediction[] edits = [.. predictions.Where(prediction => !IsMasked(prediction.Position) && IsEdit(prediction))];
        _wasComplete = masked.Length == 0;
        _numEdited = edits.Length;
        if (!_wasComplete)
            Write(TransferRule.Choose(masked, _rule, _quotas.Count > 0 ? Math.Max(1, _quotas.Dequeue()) : 1));
        Write(edits);
    }

    protected override void Advance()
    {
        NumKept = _start;
        bool edits = Options.EditingThreshold is not null;
        bool isComplete = !Array.Exists(_targetsOfBlock, IsMasked);
        bool isFinished = isComplete && (!edits || (_wasComplete && _numEdited == 0)
            || ++_numPostSteps > (Options.MaxPostSteps ?? SamplingOptions.DefaultMaxPostSteps));
        // As long as a block is edited, an end in it may be replaced.
        if ((isFinished || !edits) && TryStop())
            (Candidates, _isDone) = ([], true);
        else if (isFinished)
            EnterBlock(from: _start + _blockLength);
        else
            EnterStep();
    }

    private static int LengthOf(SamplingRow row, LLaDAConfig config) => row.Options.BlockLength ?? config.BlockLength!.Value;

    /// <summary>Masks that fill up the last block, as far as the context reaches, if the canvas ends with a target.</summary>
    private static int NumPadding(SamplingRow row, LLaDAConfig config)
    {
        int length = row.Canvas.Count, blockLength = LengthOf(row, config);
        bool endsWithTarget = row.Canvas[^1] == config.MaskTokenId && (row.Targets is not { } targets || targets.Contains(length - 1));
        int whole = (int)Math.Min(config.MaxSequenceLength, ((long)length + blockLength - 1) / blockLength * blockLength);
        return endsWithTarget ? whole - length : 0;
    }

    private bool IsEdit(Prediction prediction) =>
        prediction.Token != Canvas[prediction.Position] && prediction.Confidence > Options.EditingThreshold;

    /// <summary>Goes to the next block that has a target, or ends the row.</summary>
    private void EnterBlock(int from)
    {
        int next = Array.FindIndex(Targets, position => position >= from);
        if (next < 0)
        {
            (Candidates, _isDone) = ([], true);
            return;
        }
        _start = Targets[next] / _blockLength * _blockLength;
        _targetsOfBlock = [.. Targets.Where(position => position >= _start && position < _start + _blockLength)];
        _quotas = new Queue<int>(TransferSchedule.Split(_blockLength, Math.Min(_blockLength, Options.Steps ?? _blockLength)));
        _numPostSteps = 0;
        EnterStep();
    }

    private void EnterStep()
    {
        bool edits = Options.EditingThreshold is not null;
        Candidates = [.. _targetsOfBlock.Where(position => edits || IsMasked(position))];
        PassUnkept();
    }

    private void PassUnkept()
    {
        int end = Math.Min(Canvas.Length, _start + _blockLength);
        PassedPositions = [.. Enumerable.Range(NumKept, end - NumKept)];
    }
}
