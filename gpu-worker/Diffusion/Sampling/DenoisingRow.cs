using System.Collections.ObjectModel;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// A row while it is sampled: its canvas, its current block, the positions that pass in the coming step and the tokens that a step commits.
/// </summary>
internal sealed class DenoisingRow : IDisposable
{
    private readonly SamplingRow _row;
    private readonly LLaDAConfig _config;
    private readonly CounterRandom _random;
    private readonly double[] _confidence;
    private readonly int[] _targets;
    private readonly int[][] _blocks;
    private readonly int[] _stepsOfBlock;

    private int _block = -1;
    private int _stepOfBlock;
    private int[] _positionsOfBlock = [];
    private List<int> _masked = [];
    private Queue<int> _quotas = new();
    private uint _step;
    private int _numForwards;
    private long _numTokenForwards;
    private KeyValueCache? _conditional;
    private KeyValueCache? _unconditional;

    /// <exception cref="ArgumentException">
    /// An option is out of range, the canvas does not fit the model, a target is not masked, or an id is not a token.
    /// </exception>
    public DenoisingRow(SamplingRow row, LLaDAConfig config)
    {
        if (row.Options.Validate().FirstOrDefault() is { } error)
            throw new ArgumentException(error.Sentence, nameof(row));
        if (row.Canvas.Count == 0 || row.Canvas.Count > config.MaxSequenceLength)
        {
            throw new ArgumentException(
                $"A canvas of {row.Canvas.Count} tokens does not fit; the model takes 1 to {config.MaxSequenceLength}", nameof(row));
        }

        (_row, _config) = (row, config);
        Canvas = [.. row.Canvas];
        IsGiven = [.. row.Canvas.Select(token => token != config.MaskTokenId)];
        _random = new CounterRandom(row.Options.Seed);
        _confidence = [.. Canvas.Select(_ => 1.0)];
        _targets = [.. row.Targets ?? [.. Enumerable.Range(0, Canvas.Length).Where(position => !IsGiven[position])]];
        RequireTargets(row);
        RequireTokens(row);
        _blocks = [.. _targets.Chunk(row.Options.BlockLength ?? Math.Max(1, _targets.Length))];
        _stepsOfBlock = _targets.Length == 0
            ? []
            : TransferSchedule.ShareSteps([.. _blocks.Select(block => block.Length)], row.Options.Steps ?? _targets.Length);
        EnterBlock();
    }

    public SamplingOptions Options => _row.Options;

    public bool IsGuided => Options.CfgScale > 0;

    public int[] Canvas { get; }

    /// <summary>By position: false where the canvas was masked at the start.</summary>
    public bool[] IsGiven { get; }

    public bool IsDone => _block == _blocks.Length;

    /// <summary>Masked positions of the current block, ascending: the only ones for which this step needs predictions.</summary>
    public IReadOnlyList<int> Candidates => _masked;

    /// <summary>Positions that pass through the network in this step, ascending; null for the whole canvas.</summary>
    public int[]? PassedPositions { get; private set; }

    /// <summary>
    /// Keys and values of the canvas, or of the one with all given tokens masked; null where nothing is kept. Owned by this row.
    /// </summary>
    public KeyValueCache? CacheOn(MaskPredictor model, bool isUnconditional)
    {
        if (Options.Cache == CachePolicy.None)
            return null;
        ref var cache = ref isUnconditional ? ref _unconditional : ref _conditional;
        return cache ??= new KeyValueCache(_config, Canvas.Length, model.ComputeType, model.Device);
    }

    /// <summary>The token that a masked target is forced to take; null where it is predicted.</summary>
    public int? ForcedToken(int position) =>
        _row.ForcedTokens is { } forced && forced.TryGetValue(position, out int token) ? token : null;

    /// <summary>The uniform number that draws the token of a position in this step.</summary>
    public double TokenDraw(int position) => _random.Uniform(_step, (ulong)position, RandomStream.Token);

    /// <summary>Commits the predictions that this step keeps, and prepares the next step.</summary>
    /// <param name="predictions">By candidate.</param>
    public void Transfer(IReadOnlyList<Prediction> predictions)
    {
        CountForwards();
        if (Options.Remasking == Remasking.Random)
            predictions = [.. predictions.Select(prediction => prediction with { Confidence = RemaskingDraw(prediction.Position) })];
        int quota = _quotas.Count > 0 ? _quotas.Dequeue() : 1;
        int[] takenBack = Options.Remasking == Remasking.Revision ? TakenBack(quota) : [];
        foreach (var prediction in TransferRule.Choose(predictions, Options, quota + takenBack.Length))
        {
            Canvas[prediction.Position] = prediction.Token;
            _confidence[prediction.Position] = prediction.Probability;
        }
        foreach (int position in takenBack)
            (Canvas[position], _confidence[position]) = (_config.MaskTokenId, 1);
        _masked = [.. _blocks[_block].Where(position => Canvas[position] == _config.MaskTokenId)];
        _step++;
        _stepOfBlock++;
        bool passesAll = Options.Cache == CachePolicy.None || _stepOfBlock % (Options.CacheRefresh ?? int.MaxValue) == 0;
        PassedPositions = passesAll ? null : _positionsOfBlock;
        // As long as a block has masks, revision may take back the tokens before an end.
        bool maySettle = Options.Remasking != Remasking.Revision || _masked.Count == 0;
        if (Options.StopsAtEos && maySettle && SettledEnd() is { } end)
            Stop(end);
        else if (_masked.Count == 0)
            EnterBlock();
        _row.OnStep?.Invoke(new DenoisingProgress((int)_step, Canvas, _targets.Count(position => Canvas[position] == _config.MaskTokenId)));
    }

    public SampledRow ToSampled() => new(Canvas, _confidence, _numForwards, _numTokenForwards);

    public void Dispose()
    {
        _conditional?.Dispose();
        _unconditional?.Dispose();
        (_conditional, _unconditional) = (null, null);
    }

    private double RemaskingDraw(int position) => _random.Uniform(_step, (ulong)position, RandomStream.Remasking);

    private void CountForwards()
    {
        int halves = IsGuided ? 2 : 1;
        _numForwards += halves;
        _numTokenForwards += halves * (PassedPositions?.Length ?? Canvas.Length);
    }

    /// <summary>
    /// The least confident of the block's earlier tokens. Another commit of the same step makes up for each, so the schedule is kept, and
    /// the
    /// last step takes none back.
    /// </summary>
    private int[] TakenBack(int quota)
    {
        double strength = Options.RevisionStrength ?? SamplingOptions.DefaultRevisionStrength;
        int[] earlier = [.. _blocks[_block].Where(position => Canvas[position] != _config.MaskTokenId)];
        int count = Math.Min((int)(strength * earlier.Length), _masked.Count - quota);
        return [.. earlier.OrderBy(position => _confidence[position]).Take(count)];
    }

    private void RequireTargets(SamplingRow row)
    {
        for (int index = 0; index < _targets.Length; index++)
        {
            int target = _targets[index];
            bool isAscending = index == 0 || target > _targets[index - 1];
            if (!isAscending || target < 0 || target >= Canvas.Length || IsGiven[target])
            {
                throw new ArgumentException(
                    $"Target {index} of the row is position {target}: targets must be masked positions, ascending", nameof(row));
            }
        }
    }

    /// <summary>An id without an embedding would fail the pass of all rows, and on a card the process.</summary>
    private void RequireTokens(SamplingRow row)
    {
        int size = _config.EmbeddingSize;
        int wrong = Array.FindIndex(Canvas, token => token < 0 || token >= size);
        if (wrong >= 0)
        {
            throw new ArgumentException(
                $"Position {wrong} of the canvas holds the id {Canvas[wrong]}; ids must lie in [0, {size})", nameof(row));
        }
        if (Options.Forbidden is { } forbidden && !forbidden.LiesBelow(size))
            throw new ArgumentException($"A forbidden id is not a token: ids must lie in [0, {size})", nameof(row));
        foreach (var (position, token) in row.ForcedTokens ?? ReadOnlyDictionary<int, int>.Empty)
        {
            bool isTarget = Array.BinarySearch(_targets, position) >= 0;
            if (!isTarget || token < 0 || token >= size || token == _config.MaskTokenId)
            {
                throw new ArgumentException(
                    $"Position {position} is forced to be {token}; only a target can be, and only a token in [0, {size}) but [MASK]",
                        nameof(row));
            }
        }
    }

    private void EnterBlock()
    {
        _block++;
        _stepOfBlock = 0;
        PassedPositions = null;
        if (IsDone)
            return;
        _masked = [.. _blocks[_block]];
        _quotas = new Queue<int>(TransferSchedule.Split(_masked.Count, Math.Min(_masked.Count, _stepsOfBlock[_block])));
        _positionsOfBlock = Options.Cache switch
        {
            CachePolicy.Prefix => [.. Enumerable.Range(_masked[0], Canvas.Length - _masked[0])],
            CachePolicy.Dual => [.. _masked.SelectMany(Vicinity).Distinct().Order()],
            _ => [],
        };
    }

    private IEnumerable<int> Vicinity(int position)
    {
        int vicinity = Options.CacheVicinity ?? 0;
        int start = Math.Max(0, position - vicinity);
        return Enumerable.Range(start, Math.Min(Canvas.Length, position + vicinity + 1) - start);
    }

    /// <summary>The index of the first target that holds an end, if no target before it is masked.</summary>
    private int? SettledEnd()
    {
        for (int index = 0; index < _targets.Length && Canvas[_targets[index]] != _config.MaskTokenId; index++)
        {
            if (_config.IsEnd(Canvas[_targets[index]]))
                return index;
        }
        return null;
    }

    private void Stop(int end)
    {
        foreach (int position in _targets[(end + 1)..])
            (Canvas[position], _confidence[position]) = (_config.EosTokenId, 1);
        _masked = [];
        _block = _blocks.Length;
    }
}
