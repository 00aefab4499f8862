namespace LLaDA.Diffusion.Data;

/// <summary>
/// Packed documents cut into sequences of equal length. Which sequences make up a step is a pure function of the seed and the step: every
/// epoch visits each once, in an order and at cuts of its own.
/// </summary>
public sealed class TokenSequences : ITrainingData, IDisposable
{
    private readonly TokenFile _tokens;
    private readonly int _length;
    private readonly CounterRandom _random;
    private readonly EpochOrder _order;

    /// <param name="tokens">Belong to the sequences from now on, and are closed with them.</param>
    /// <param name="length">L, in tokens.</param>
    public TokenSequences(TokenFile tokens, int length, long seed)
    {
        if (tokens.Count < 2L * length)
            throw new ArgumentException($"{tokens.Count} tokens are too few for sequences of {length}", nameof(tokens));
        (_tokens, _length, _random) = (tokens, length, new CounterRandom((ulong)seed));
        NumRows = checked((int)((tokens.Count / length) - 1));
        _order = new EpochOrder(NumRows, _random);
        Fingerprint = $"{tokens.Hash:x16}, sequences of {length}, seed {seed}";
    }

    /// <param name="tokens">Packed documents.</param>
    /// <param name="length">L, in tokens.</param>
    public TokenSequences(ReadOnlySpan<int> tokens, int length, long seed)
        : this(TokenFile.Of(tokens), length, seed)
    {
    }

    /// <summary>Sequences of an epoch; up to a sequence at the ends of the text is left out.</summary>
    public int NumRows { get; }

    public int MaxLength => _length;

    public string Fingerprint { get; }

    public TrainingBatch Batch(int step, int batchSize)
    {
        int[][] rows = new int[batchSize][];
        for (int row = 0; row < batchSize; row++)
        {
            var (epoch, sequence) = _order.At(((long)step * batchSize) + row);
            int offset = (int)_random.Below((ulong)_length, (uint)epoch, 0, RandomStream.EpochOffset);
            rows[row] = new int[_length];
            _tokens.Read(offset + ((long)_length * sequence), rows[row]);
        }
        return new TrainingBatch(rows);
    }

    public void Dispose() => _tokens.Dispose();
}
