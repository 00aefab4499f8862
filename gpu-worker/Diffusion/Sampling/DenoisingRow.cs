namespace LLaDA.Diffusion.Sampling;

/// <summary>A row on its way: its canvas, its current block and how many tokens the coming steps commit.</summary>
internal sealed class DenoisingRow
{
    private const uint RemaskPurpose = 1, TokenPurpose = 2;

    private readonly CounterRandom _random;
    private readonly double[] _confidence;
    private readonly int[][] _blocks;
    private readonly int[] _stepsOfBlock;

    private int _block = -1;
    private List<int> _masked = [];
    private Queue<int> _quotas = new();
    private uint _step;
    private int _numForwards;

    public DenoisingRow(SamplingRow row, int maskTokenId)
    {
        Options = row.Options;
        Canvas = [.. row.Canvas];
        IsGiven = [.. row.Canvas.Select(token => token != maskTokenId)];
        _random = new CounterRandom(row.Options.Seed);
        _confidence = [.. Canvas.Select(_ => 1.0)];

        int[] targets = [.. row.Targets ?? [.. Enumerable.Range(0, Canvas.Length).Where(position => !IsGiven[position])]];
        for (int index = 0; index < targets.Length; index++)
        {
            bool isAscending = index == 0 || targets[index] > targets[index - 1];
            if (!isAscending || targets[index] < 0 || targets[index] >= Canvas.Length || IsGiven[targets[index]])
                throw new ArgumentException($"Target {index} of the row is position {targets[index]}: targets must be masked positions, ascending", nameof(row));
        }
        _blocks = [.. targets.Chunk(row.Options.BlockLength ?? Math.Max(1, targets.Length))];
        _stepsOfBlock = targets.Length == 0 ? [] : TransferSchedule.ShareSteps([.. _blocks.Select(block => block.Length)], row.Options.Steps ?? targets.Length);
        EnterBlock();
    }

    public SamplingOptions Options { get; }

    public int[] Canvas { get; }

    /// <summary>By position: false where the canvas was masked at the start.</summary>
    public bool[] IsGiven { get; }

    public bool IsDone => _block == _blocks.Length;

    /// <summary>Masked positions of the current block, ascending: the only ones for which this step needs predictions.</summary>
    public IReadOnlyList<int> Candidates => _masked;

    /// <summary>The uniform number that draws the token of a position in this step.</summary>
    public double TokenDraw(int position) => _random.Uniform(_step, (ulong)position, TokenPurpose);

    /// <summary>Commits the predictions that this step keeps.</summary>
    /// <param name="tokens">By candidate.</param>
    /// <param name="probabilities">Of the tokens, by candidate.</param>
    /// <param name="confidence">What remasking by low confidence compares; differs from the probability where some tokens are deferred.</param>
    public void Commit(ReadOnlySpan<long> tokens, ReadOnlySpan<double> probabilities, ReadOnlySpan<double> confidence)
    {
        double[] order = new double[_masked.Count];
        for (int candidate = 0; candidate < order.Length; candidate++)
        {
            order[candidate] = Options.Remasking switch
            {
                Remasking.LowConfidence => confidence[candidate],
                Remasking.Random => _random.Uniform(_step, (ulong)_masked[candidate], RemaskPurpose),
                _ => throw new ArgumentOutOfRangeException(nameof(tokens), Options.Remasking, "is no way of remasking"),
            };
        }

        // A stable sort: of equally confident candidates the lower position wins.
        foreach (int candidate in Enumerable.Range(0, order.Length).OrderByDescending(candidate => order[candidate]).Take(_quotas.Dequeue()))
        {
            Canvas[_masked[candidate]] = (int)tokens[candidate];
            _confidence[_masked[candidate]] = probabilities[candidate];
            _masked[candidate] = -1;
        }
        _masked.RemoveAll(position => position < 0);
        _numForwards += Options.CfgScale > 0 ? 2 : 1;
        _step++;
        if (_masked.Count == 0)
            EnterBlock();
    }

    public SampledRow ToSampled() => new(Canvas, _confidence, _numForwards);

    private void EnterBlock()
    {
        _block++;
        if (IsDone)
            return;
        _masked = [.. _blocks[_block]];
        _quotas = new Queue<int>(TransferSchedule.Split(_masked.Count, Math.Min(_masked.Count, _stepsOfBlock[_block])));
    }
}
