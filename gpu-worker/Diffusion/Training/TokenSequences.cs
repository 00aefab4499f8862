using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// Documents packed end to end, each between a beginning and an end of text, and cut into sequences of equal length. Which sequences make up a step is a pure
/// function of the seed and the step: every epoch visits each once, in an order and at cuts of its own.
/// </summary>
public sealed class TokenSequences
{
    private const uint OrderPurpose = 11, OffsetPurpose = 12;

    private readonly int[] _tokens;
    private readonly int _length;
    private readonly CounterRandom _random;
    private (int Epoch, int[] Order) _shuffled = (-1, []);

    /// <param name="tokens">The packed documents.</param>
    /// <param name="length">L, in tokens.</param>
    public TokenSequences(int[] tokens, int length, long seed)
    {
        if (tokens.Length < 2 * length)
            throw new ArgumentException($"{tokens.Length} tokens are too few for sequences of {length}", nameof(tokens));
        (_tokens, _length, _random) = (tokens, length, new CounterRandom((ulong)seed));
    }

    /// <summary>Sequences of an epoch; up to a sequence at the ends of the text is left out.</summary>
    public int NumSequences => (_tokens.Length / _length) - 1;

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

    /// <returns>[B][L].</returns>
    public int[][] Batch(int step, int batchSize)
    {
        int[][] rows = new int[batchSize][];
        for (int row = 0; row < batchSize; row++)
        {
            long sequence = ((long)step * batchSize) + row;
            int epoch = (int)(sequence / NumSequences);
            int offset = (int)_random.Below((ulong)_length, (uint)epoch, 0, OffsetPurpose);
            int start = offset + (_length * Order(epoch)[sequence % NumSequences]);
            rows[row] = _tokens[start..(start + _length)];
        }
        return rows;
    }

    /// <summary>A permutation by Fisher and Yates.</summary>
    private int[] Order(int epoch)
    {
        if (_shuffled.Epoch == epoch)
            return _shuffled.Order;
        int[] order = [.. Enumerable.Range(0, NumSequences)];
        for (int last = order.Length - 1; last > 0; last--)
        {
            int other = (int)_random.Below((ulong)last + 1, (uint)epoch, (ulong)last, OrderPurpose);
            (order[last], order[other]) = (order[other], order[last]);
        }
        _shuffled = (epoch, order);
        return order;
    }
}
