using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>x / sqrt(mean(x^2) + epsilon) * weight, and the cast to bfloat16.</summary>
internal sealed unsafe class NormKernel : autograd.SingleTensorFunction<NormKernel>
{
    public override string Name => nameof(NormKernel);

    /// <param name="x">[T, D], float32, contiguous, D a multiple of <see cref="Lanes.Count"/>.</param>
    /// <param name="weight">[D], float32.</param>
    /// <returns>[T, D], bfloat16.</returns>
    public static Tensor Of(Tensor x, Tensor weight, double epsilon)
    {
        using var scope = NewDisposeScope();
        var normed = FunctionTensors.NeedGradient(x, weight) ? apply(x, weight, epsilon) : Compute(x, weight, epsilon).Normed;
        return normed.MoveToOuterDisposeScope();
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (x, weight) = ((Tensor)vars[0], (Tensor)vars[1]);
        var (normed, scales) = Compute(x, weight, (double)vars[2]);
        FunctionTensors.Save(ctx, x, weight, scales);
        return normed.MoveToOuterDisposeScope();
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        FunctionTensors.Backward(ctx, grad_output, numInputs: 3, (gradient, saved) => Gradients(gradient, saved[0], saved[1], saved[2]));

    /// <remarks>With n = x * scale and g = gradient * weight: scale * (g - n * mean(g * n)), and the sum over T of gradient * n.</remarks>
    private static Tensor[] Gradients(Tensor gradient, Tensor x, Tensor weight, Tensor scales)
    {
        long numRows = x.shape[0], width = x.shape[1];
        var ofX = empty_like(x);
        var sums = zeros(Rows.NumPieces(numRows), width);
        float* inputs = Rows.Pointer<float>(x), w = Rows.Pointer<float>(weight), factors = Rows.Pointer<float>(scales);
        float* results = Rows.Pointer<float>(ofX), partialSums = Rows.Pointer<float>(sums);
        ushort* gradients = Rows.Pointer<ushort>(gradient);
        Rows.ForEachPiece(numRows, (piece, first, end) =>
        {
            float* sum = partialSums + (piece * width);
            for (long row = first; row < end; row++)
            {
                float* n = inputs + (row * width), result = results + (row * width);
                ushort* d = gradients + (row * width);
                var scale = Vector512.Create(factors[row]);
                var products = Vector512<float>.Zero;
                for (long i = 0; i < width; i += Lanes.Count)
                {
                    var normed = Vector512.Load(n + i) * scale;
                    var each = Lanes.Load(d + i) * normed;
                    (Vector512.Load(sum + i) + each).Store(sum + i);
                    products += each * Vector512.Load(w + i);
                }
                var mean = Vector512.Create(Vector512.Sum(products) / width);
                for (long i = 0; i < width; i += Lanes.Count)
                {
                    var normed = Vector512.Load(n + i) * scale;
                    (((Lanes.Load(d + i) * Vector512.Load(w + i)) - (normed * mean)) * scale).Store(result + i);
                }
            }
        });
        return [ofX, sums.sum(dim: 0)];
    }

    private static (Tensor Normed, Tensor Scales) Compute(Tensor x, Tensor weight, double epsilon)
    {
        long numRows = x.shape[0], width = x.shape[1];
        var (normed, scales) = (empty(numRows, width, dtype: ScalarType.BFloat16), empty(numRows));
        float* inputs = Rows.Pointer<float>(x), w = Rows.Pointer<float>(weight), factors = Rows.Pointer<float>(scales);
        ushort* results = Rows.Pointer<ushort>(normed);
        Rows.ForEachPiece(numRows, (_, first, end) =>
        {
            for (long row = first; row < end; row++)
            {
                float* n = inputs + (row * width);
                ushort* result = results + (row * width);
                var squares = Vector512<float>.Zero;
                for (long i = 0; i < width; i += Lanes.Count)
                {
                    var numbers = Vector512.Load(n + i);
                    squares += numbers * numbers;
                }
                float factor = (float)(1 / Math.Sqrt((Vector512.Sum(squares) / width) + epsilon));
                factors[row] = factor;
                var scale = Vector512.Create(factor);
                for (long i = 0; i < width; i += Lanes.Count)
                    Lanes.Store(result + i, Vector512.Load(n + i) * scale * Vector512.Load(w + i));
            }
        });
        return (normed, scales);
    }
}
