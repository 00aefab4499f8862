using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace LLaDA.Diffusion.Data;

/// <summary>Rows of equal length of which every token is learnt. Every epoch visits each once, in an order of its own.</summary>
public sealed class TokenRows : ITrainingData
{
    private readonly int[][] _rows;
    private readonly EpochOrder _order;

    /// <param name="rows">At least one, all of one length.</param>
    public TokenRows(int[][] rows, long seed)
    {
        if (rows.Length == 0 || Array.Exists(rows, row => row.Length != rows[0].Length))
            throw new ArgumentException("There must be rows, all of one length", nameof(rows));
        (_rows, _order) = (rows, new EpochOrder(rows.Length, new CounterRandom((ulong)seed)));
        int[] tokens = [.. rows.SelectMany(row => row)];
        Fingerprint = $"{XxHash64.HashToUInt64(MemoryMarshal.AsBytes(tokens.AsSpan())):x16}, rows of {rows[0].Length}, seed {seed}";
    }

    public int NumRows => _rows.Length;

    public int MaxLength => _rows[0].Length;

    public string Fingerprint { get; }

    public TrainingBatch Batch(int step, int batchSize) =>
        new([.. Enumerable.Range(0, batchSize).Select(row => _rows[_order.At(((long)step * batchSize) + row).Row])]);
}
