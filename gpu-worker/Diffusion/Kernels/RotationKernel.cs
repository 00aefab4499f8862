using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>x * cosine + (x with its halves exchanged) * sine, for each head.</summary>
internal sealed unsafe class RotationKernel : autograd.SingleTensorFunction<RotationKernel>
{
    public override string Name => nameof(RotationKernel);

    /// <param name="x">[T, H, E], bfloat16, contiguous, E / 2 a multiple of <see cref="Lanes.Count"/>.</param>
    /// <param name="cosine">[T, 1, E], float32: those of the pairs, twice.</param>
    /// <param name="sine">[T, 1, E], float32: those of the pairs negated, then as they are.</param>
    /// <returns>[T, H, E], bfloat16.</returns>
    public static Tensor Of(Tensor x, Tensor cosine, Tensor sine)
    {
        using var scope = NewDisposeScope();
        Rows.RequireSameShape(cosine, sine);
        if (cosine.shape[0] != x.shape[0] || cosine.shape[^1] != x.shape[^1])
            throw new ArgumentException("The angles are of other tokens or of another width", nameof(cosine));
        var rotated = FunctionTensors.NeedGradient(x) ? apply(x, cosine, sine) : Compute(x, cosine, sine, 1);
        return rotated.MoveToOuterDisposeScope();
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, cosine, sine) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        FunctionTensors.Save(ctx, cosine, sine);
        return Compute(x, cosine, sine, 1);
    }

    /// <remarks>The rotation back: by the negated angles.</remarks>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        FunctionTensors.Backward(ctx, grad_output, numInputs: 3, (gradient, saved) => [Compute(gradient, saved[0], saved[1], -1)]);

    private static Tensor Compute(Tensor x, Tensor cosine, Tensor sine, float direction)
    {
        long numRows = x.shape[0], numHeads = x.shape[1], width = x.shape[2], half = width / 2;
        var rotated = empty_like(x);
        ushort* inputs = Rows.Pointer<ushort>(x), results = Rows.Pointer<ushort>(rotated);
        float* cosines = Rows.Pointer<float>(cosine), sines = Rows.Pointer<float>(sine);
        Rows.ForEachPiece(numRows, (_, first, end) =>
        {
            var sign = Vector512.Create(direction);
            for (long row = first; row < end; row++)
            {
                float* c = cosines + (row * width), s = sines + (row * width);
                for (long head = row * numHeads; head < (row + 1) * numHeads; head++)
                {
                    ushort* from = inputs + (head * width), to = results + (head * width);
                    for (long i = 0; i < half; i += Lanes.Count)
                    {
                        var (x1, x2) = (Lanes.Load(from + i), Lanes.Load(from + half + i));
                        Lanes.Store(to + i, (x1 * Vector512.Load(c + i)) + (x2 * sign * Vector512.Load(s + i)));
                        Lanes.Store(to + half + i, (x2 * Vector512.Load(c + half + i)) + (x1 * sign * Vector512.Load(s + half + i)));
                    }
                }
            }
        });
        return rotated;
    }
}
