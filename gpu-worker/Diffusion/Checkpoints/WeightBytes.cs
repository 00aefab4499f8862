using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>Memory of a model's weights, from its configuration alone.</summary>
public static class WeightBytes
{
    /// <param name="weightType">
    /// As of <see cref="MaskPredictor"/>; in Int8, the matrices of the blocks have a byte a weight and four a row.
    /// </param>
    /// <param name="computeType">Type of all other weights where the matrices are in 8 bits.</param>
    public static long Of(LLaDAConfig config, ScalarType weightType, ScalarType computeType)
    {
        var types = WeightTypes.Of(weightType, computeType);
        long size = types.Others.ElementSize();
        if (types.Matrices != ScalarType.Int8)
            return config.NumParameters * size;
        long inInt8 = 0, saved = 0;
        foreach (var (name, shape) in ParameterShapes.Of(config))
        {
            if (!IsMatrixOfBlock(name, shape))
                continue;
            inInt8 += Count(Int8Rows.Stored(shape));
            saved += Count(shape);
        }
        return ((config.NumParameters - saved) * size) + inInt8;
    }

    /// <summary>
    /// The largest matrix in the type of the products, which exists beside weights in 8 bits while it is multiplied; 0 for other types.
    /// </summary>
    public static long OfLargestMatrix(LLaDAConfig config, ScalarType weightType, ScalarType computeType) => weightType != ScalarType.Int8
        ? 0
        : computeType.ElementSize() * ParameterShapes.Of(config)
            .Where(entry => IsMatrixOfBlock(entry.Key, entry.Value)).Max(entry => entry.Value[^2] * entry.Value[^1]);

    private static bool IsMatrixOfBlock(string name, long[] shape) => shape.Length > 1
        && name.StartsWith("blocks.", StringComparison.Ordinal) && !name.EndsWith("router.weight", StringComparison.Ordinal);

    private static long Count(long[] shape) => shape.Aggregate(1L, (product, size) => product * size);
}
