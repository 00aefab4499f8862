using System.Collections.ObjectModel;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>A row on its way: its canvas, its current block, what passes through the network in the coming step and what the step commits.</summary>
internal sealed class DenoisingRow : IDisposable
{
    private const uint RemaskPurpose = 1, TokenPurpose = 2;

    private readonly SamplingRow _row;
    private readonly LLaDAConfig _config;
    private readonly CounterRandom _random;
    private readonly double[] _confidence;
    private readonly int[] _targets;
    private readonly int[][] _blocks;
    private readonly int[] _stepsOfBlock;

    private int _block = -1;
    private int _stepOfBlock;
    private int[] _cachedPass = [];
    private List<int> _masked = [];
    private Queue<int> _quotas = new();
    private uint _step;
    private int _numForwards;
    private long _numTokenForwards;

    /// <exception cref="ArgumentException">An option is out of range, the canvas does not fit the model, a target is no mask, or an id is no token.</exception>
    public DenoisingRow(SamplingRow row, LLaDAConfig config)
    {
        if (row.Options.Validate().FirstOrDefault() is { Sentence: { } sentence })
            throw new ArgumentException(sentence, nameof(row));
        if (row.Canvas.Count == 0 || row.Canvas.Count > config.MaxSequenceLength)
            throw new ArgumentException($"A canvas of {row.Canvas.Count} tokens does not fit; the model takes 1 to {config.MaxSequenceLength}", nameof(row));

        (_row, _config) = (row, config);
        Canvas = [.. row.Canvas];
        IsGiven = [.. row.Canvas.Select(token => token != config.MaskTokenId)];
        _random = new CounterRandom(row.Options.Seed);
        _confidence = [.. Canvas.Select(_ => 1.0)];

        _targets = [.. row.Targets ?? [.. Enumerable.Range(0, Canvas.Length).Where(position => !IsGiven[position])]];
        for (int index = 0; index < _targets.Length; index++)
        {
            bool isAscending = index == 0 || _targets[index] > _targets[index - 1];
            if (!isAscending || _targets[index] < 0 || _targets[index] >= Canvas.Length || IsGiven[_targets[index]])
                throw new ArgumentException($"Target {index} of the row is position {_targets[index]}: targets must be masked positions, ascending", nameof(row));
        }
        RequireTokens(row, config);
        _blocks = [.. _targets.Chunk(row.Options.BlockLength ?? Math.Max(1, _targets.Length))];
        _stepsOfBlock = _targets.Length == 0 ? [] : TransferSchedule.ShareSteps([.. _blocks.Select(block => block.Length)], row.Options.Steps ?? _targets.Length);
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
    public int[]? Pass => Options.Cache == CachePolicy.None || _stepOfBlock % (Options.CacheRefresh ?? int.MaxValue) == 0 ? null : _cachedPass;

    /// <summary>Keys and values of the canvas, and of the one with all given tokens masked; null where nothing is kept.</summary>
    public (KeyValueCache? Conditional, KeyValueCache? Unconditional) Caches { get; set; }

    /// <summary>The token of a target that is known though masked.</summary>
    public int? ForcedToken(int position) => _row.ForcedTokens is { } known && known.TryGetValue(position, out int token) ? token : null;

    /// <summary>The uniform number that draws the token of a position in this step.</summary>
    public double TokenDraw(int position) => _random.Uniform(_step, (ulong)position, TokenPurpose);

    /// <summary>Commits the predictions that this step keeps.</summary>
    /// <param name="predictions">By candidate.</param>
    public void Commit(IReadOnlyList<Prediction> predictions)
    {
        int numPassed = Pass?.Length ?? Canvas.Length;
        if (Options.Remasking == Remasking.Random)
            predictions = [.. predictions.Select(prediction => prediction with { Confidence = _random.Uniform(_step, (ulong)prediction.Position, RemaskPurpose) })];
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
        int halves = IsGuided ? 2 : 1;
        _numForwards += halves;
        _numTokenForwards += halves * numPassed;
        _step++;
        _stepOfBlock++;
        // As long as a block has masks, revision may take back what stands before an end.
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
        Caches.Conditional?.Dispose();
        Caches.Unconditional?.Dispose();
        Caches = default;
    }

    /// <summary>
    /// The least confident of the block's earlier tokens. Each is made up for by another commit of the same step, so the schedule is kept, and the last step takes none back.
    /// </summary>
    private int[] TakenBack(int quota)
    {
        int[] earlier = [.. _blocks[_block].Where(position => Canvas[position] != _config.MaskTokenId)];
        int count = Math.Min((int)(Options.RevisionStrength * earlier.Length), _masked.Count - quota);
        return [.. earlier.OrderBy(position => _confidence[position]).Take(count)];
    }

    /// <summary>An id without an embedding would fail the pass of all rows, and on a card the process.</summary>
    private void RequireTokens(SamplingRow row, LLaDAConfig config)
    {
        int wrong = Array.FindIndex(Canvas, token => token < 0 || token >= config.EmbeddingSize);
        if (wrong >= 0)
            throw new ArgumentException($"Position {wrong} of the canvas holds the id {Canvas[wrong]}; ids must lie in [0, {config.EmbeddingSize})", nameof(row));
        if (row.Options.Forbidden is { } forbidden && !forbidden.LiesBelow(config.EmbeddingSize))
            throw new ArgumentException($"A forbidden id is no token: ids must lie in [0, {config.EmbeddingSize})", nameof(row));
        foreach (var (position, known) in row.ForcedTokens ?? ReadOnlyDictionary<int, int>.Empty)
        {
            if (Array.BinarySearch(_targets, position) < 0 || known < 0 || known >= config.EmbeddingSize || known == config.MaskTokenId)
                throw new ArgumentException($"Position {position} is known to be {known}: what is known must be a target and a token other than [MASK]", nameof(row));
        }
    }

    private void EnterBlock()
    {
        _block++;
        _stepOfBlock = 0;
        if (IsDone)
            return;
        _masked = [.. _blocks[_block]];
        _quotas = new Queue<int>(TransferSchedule.Split(_masked.Count, Math.Min(_masked.Count, _stepsOfBlock[_block])));
        _cachedPass = Options.Cache switch
        {
            CachePolicy.Prefix => [.. Enumerable.Range(_masked[0], Canvas.Length - _masked[0])],
            CachePolicy.Dual => [.. _masked.SelectMany(Vicinity).Distinct().Order()],
            _ => [],
        };
    }

    private IEnumerable<int> Vicinity(int position)
    {
        int start = Math.Max(0, position - Options.CacheVicinity);
        return Enumerable.Range(start, Math.Min(Canvas.Length, position + Options.CacheVicinity + 1) - start);
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
