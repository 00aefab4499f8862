using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// LLaDA's process: blocks are runs of masked positions, and each block commits its shares of the transfer schedule before the next one.
/// </summary>
internal sealed class CanvasRow : DenoisingRow
{
    private readonly int[][] _blocks;
    private readonly int[] _stepsOfBlock;

    private int _block = -1;
    private int _stepOfBlock;
    private int[] _positionsOfBlock = [];
    private List<int> _masked = [];
    private Queue<int> _quotas = new();

    public CanvasRow(SamplingRow row, LLaDAConfig config)
        : base(row, config)
    {
        _blocks = [.. Targets.Chunk(row.Options.BlockLength ?? Math.Max(1, Targets.Length))];
        _stepsOfBlock = Targets.Length == 0
            ? []
            : TransferSchedule.ShareSteps([.. _blocks.Select(block => block.Length)], row.Options.Steps ?? Targets.Length);
        EnterBlock();
    }

    public override bool IsDone => _block == _blocks.Length;

    protected override int Block => _block;

    protected override int? RevisableFrom => Options.Remasking == Remasking.Revision && !IsDone ? _blocks[_block][0] : null;

    protected override void Commit(IReadOnlyList<Prediction> predictions)
    {
        if (Options.Remasking == Remasking.Random)
        {
            predictions = [.. predictions.Select(
                prediction => prediction with { Confidence = Draw(prediction.Position, RandomStream.Remasking) })];
        }
        int quota = _quotas.Count > 0 ? _quotas.Dequeue() : 1;
        int[] takenBack = Options.Remasking == Remasking.Revision ? TakenBack(quota) : [];
        Write(TransferRule.Choose(predictions, Options, quota + takenBack.Length));
        foreach (int position in takenBack)
            MaskAgain(position);
    }

    protected override void Advance()
    {
        Candidates = _masked = [.. _blocks[_block].Where(IsMasked)];
        _stepOfBlock++;
        bool passesAll = Options.Cache == CachePolicy.None || _stepOfBlock % (Options.CacheRefresh ?? int.MaxValue) == 0;
        PassedPositions = passesAll ? null : _positionsOfBlock;
        // As long as a block has masks, revision may take back the tokens before an end.
        bool maySettle = Options.Remasking != Remasking.Revision || _masked.Count == 0;
        if (maySettle && TryStop())
            (Candidates, _block) = ([], _blocks.Length);
        else if (_masked.Count == 0)
            EnterBlock();
    }

    /// <summary>
    /// The least confident of the block's earlier tokens. Another commit of the same step makes up for each, so the schedule is kept, and
    /// the
    /// last step takes none back.
    /// </summary>
    private int[] TakenBack(int quota)
    {
        double strength = Options.RevisionStrength ?? SamplingOptions.DefaultRevisionStrength;
        int[] earlier = [.. _blocks[_block].Where(position => !IsMasked(position))];
        int count = Math.Min((int)(strength * earlier.Length), _masked.Count - quota);
        return [.. earlier.OrderBy(ConfidenceAt).Take(count)];
    }

    private void EnterBlock()
    {
        _block++;
        _stepOfBlock = 0;
        PassedPositions = null;
        if (IsDone)
            return;
        Candidates = _masked = [.. _blocks[_block]];
        _quotas = new Queue<int>(TransferSchedule.Split(_masked.Count, Math.Min(_masked.Count, _stepsOfBlock[_block])));
        int first = Config.PlaceOf(_masked[0]);
        _positionsOfBlock = Options.Cache switch
        {
            CachePolicy.Prefix => [.. Enumerable.Range(first, Canvas.Length - first)],
            CachePolicy.Dual => [.. _masked.SelectMany(Vicinity).Distinct().Order()],
            _ => [],
        };
    }

    /// <summary>The positions around a mask, with the one whose logits predict it.</summary>
    private IEnumerable<int> Vicinity(int position)
    {
        int vicinity = Options.CacheVicinity ?? 0;
        int start = Math.Min(Config.PlaceOf(position), Math.Max(0, position - vicinity));
        return Enumerable.Range(start, Math.Min(Canvas.Length, position + vicinity + 1) - start);
    }
}
