namespace LLaDA.Diffusion.Data;

/// <summary>A permutation for every epoch, by Fisher and Yates: a pure function of the seed and the epoch.</summary>
internal sealed class EpochOrder(int count, CounterRandom random)
{
    private (int Epoch, int[] Order) _shuffled = (-1, []);

    /// <summary>Which epoch a row of the run belongs to, and which row of the data it is.</summary>
    /// <param name="row">Counted through all steps of the run.</param>
    public (int Epoch, int Row) At(long row)
    {
        int epoch = (int)(row / count);
        return (epoch, Order(epoch)[(int)(row % count)]);
    }

    private int[] Order(int epoch)
    {
        if (_shuffled.Epoch == epoch)
            return _shuffled.Order;
        int[] order = [.. Enumerable.Range(0, count)];
        for (int last = order.Length - 1; last > 0; last--)
        {
            int other = (int)random.Below((ulong)last + 1, (uint)epoch, (ulong)last, RandomStream.EpochOrder);
            (order[last], order[other]) = (order[other], order[last]);
        }
        _shuffled = (epoch, order);
        return order;
    }
}
