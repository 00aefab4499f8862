using System.IO.Hashing;
using System.Runtime.InteropServices;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Documents packed end to end, each between a beginning and an end of text, and cut into sequences of equal length. Which sequences make up a step is a pure
/// function of the seed and the step: every epoch visits each once, in an order and at cuts of its own.
/// </summary>
public sealed class TokenSequences : ITrainingData
{
    private const uint OffsetPurpose = 12;

    private readonly int[] _tokens;
    private readonly int _length;
    private readonly CounterRandom _random;
    private readonly EpochOrder _order;

    /// <param name="tokens">The packed documents.</param>
    /// <param name="length">L, in tokens.</param>
    public TokenSequences(int[] tokens, int length, long seed)
    {
        if (tokens.Length < 2 * length)
            throw new ArgumentException($"{tokens.Length} tokens are too few for sequences of {length}", nameof(tokens));
        (_tokens, _length, _random) = (tokens, length, new CounterRandom((ulong)seed));
        _order = new EpochOrder(NumRows, _random);
        Fingerprint = $"{XxHash64.HashToUInt64(MemoryMarshal.AsBytes(tokens.AsSpan())):x16}, sequences of {length}, seed {seed}";
    }

    /// <summary>Sequences of an epoch; up to a sequence at the ends of the text is left out.</summary>
    public int NumRows => (_tokens.Length / _length) - 1;

    public int MaxLength => _length;

    public string Fingerprint { get; }

    public static int[] Pack(LLaDATokenizer tokenizer, IEnumerable<string> documents)
    {
        List<int> tokens = [];
        foreach (string document in documents)
        {
            tokens.Add(tokenizer.BeginningOfTextId);
            tokens.AddRange(tokenizer.Encode(document));
            tokens.Add(tokenizer.EndOfTextId);
        }
        return [.. tokens];
    }

    public TrainingBatch Batch(int step, int batchSize)
    {
        int[][] rows = new int[batchSize][];
        for (int row = 0; row < batchSize; row++)
        {
            var (epoch, sequence) = _order.At(((long)step * batchSize) + row);
            int offset = (int)_random.Below((ulong)_length, (uint)epoch, 0, OffsetPurpose);
            int start = offset + (_length * sequence);
            rows[row] = _tokens[start..(start + _length)];
        }
        return new TrainingBatch(rows);
    }
}
