using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// What the number of rows of a matrix product is filled up to a multiple of, so that a row has the same bits whatever other rows are
/// multiplied with it. Products of very few rows take other paths through the processor and round differently.
/// </summary>
/// <remarks>
/// Which numbers are safe depends on the processor, the number of threads, the type and perhaps the shape, so on a CPU products of each
/// shape are tried once.
/// </remarks>
internal static class RowMultiple
{
    /// <summary>Taken where nothing smaller is shown to be safe, and on devices other than the CPU.</summary>
    public const int Largest = 16;

    private const int NumTrialRows = 64, MaxTrialRows = 32;

    /// <summary>In bfloat16, of 64 bytes each; float32 has half as many.</summary>
    public const int NumbersOfTwoVectors = 64;

    private static readonly int[] s_smaller = [4, 8];

    private static readonly ConcurrentDictionary<(long Output, long Input, bool HasBias, ScalarType Type, int NumThreads), int> s_found =
        new();

    /// <summary>That of products with a matrix.</summary>
    /// <param name="weight">[output width, input width], also in 8 bits.</param>
    /// <param name="bias">[output width], or null.</param>
    /// <param name="type">Type of the products.</param>
    /// <returns>4, 8 or <see cref="Largest"/>.</returns>
    public static int Of(Tensor weight, Tensor? bias, ScalarType type)
    {
        if (weight.device.type != DeviceType.CPU)
            return Largest;
        long[] shape = Int8Rows.Shape(weight);
        return s_found.GetOrAdd((shape[0], shape[1], bias is not null, type, get_num_threads()), _ =>
        {
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var (matrix, offset) = (Int8Rows.Dense(weight, type), bias?.to(type));
            return Smallest(rows => nn.functional.linear(rows, matrix, offset), shape[1], type);
        });
    }

    /// <summary>That of rows whose numbers pass a function such as silu.</summary>
    /// <remarks>
    /// libtorch computes the last numbers of a tensor one by one, which rounds otherwise, where they do not fill two vectors of the
    /// processor, so the rows of a multiple have to fill them.
    /// </remarks>
    /// <param name="width">Numbers of a row; 0 where nothing passes.</param>
    public static int OfFunction(long width) =>
        Array.Find(s_smaller, multiple => multiple * width % NumbersOfTwoVectors == 0) is > 0 and var smallest ? smallest : Largest;

    /// <summary>The smallest multiple with which a product computes each row as it does among many others.</summary>
    /// <param name="product">Of [rows, width].</param>
    internal static int Smallest(Func<Tensor, Tensor> product, long width, ScalarType type)
    {
        using var scope = NewDisposeScope();
        float[] numbers = [.. Enumerable.Range(0, (int)(NumTrialRows * width)).Select(index => (float)Math.Sin(index))];
        var rows = tensor(numbers, [NumTrialRows, width]).to(type);
        var among = product(rows);
        return Array.Find(s_smaller, IsSafe) is > 0 and var smallest ? smallest : Largest;

        bool IsSafe(int multiple)
        {
            for (int count = multiple; count < MaxTrialRows; count += multiple)
            {
                foreach (int start in new[] { 0, multiple })
                {
                    using var trial = NewDisposeScope();
                    if (!product(rows.narrow(0, start, count)).equal(among.narrow(0, start, count)).all().item<bool>())
                        return false;
                }
            }
            return true;
        }
    }
}
