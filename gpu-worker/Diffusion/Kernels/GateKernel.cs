using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>silu(gate) * up.</summary>
internal sealed unsafe class GateKernel : autograd.SingleTensorFunction<GateKernel>
{
    public override string Name => nameof(GateKernel);

    /// <param name="gate">[T, F], bfloat16, F a multiple of <see cref="Lanes.Count"/>.</param>
    /// <param name="up">The same.</param>
    /// <returns>[T, F], bfloat16.</returns>
    public static Tensor Of(Tensor gate, Tensor up)
    {
        using var scope = NewDisposeScope();
        Rows.RequireSameShape(gate, up);
        return (FunctionTensors.NeedGradient(gate, up) ? apply(gate, up) : Compute(gate, up)).MoveToOuterDisposeScope();
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (gate, up) = ((Tensor)vars[0], (Tensor)vars[1]);
        FunctionTensors.Save(ctx, gate, up);
        return Compute(gate, up);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        FunctionTensors.Backward(ctx, grad_output, numInputs: 2, (gradient, saved) => Gradients(gradient, saved[0], saved[1]));

    private static Tensor[] Gradients(Tensor gradient, Tensor gate, Tensor up)
    {
        var (ofGate, ofUp) = (empty_like(gate), empty_like(up));
        ushort* gates = Rows.Pointer<ushort>(gate), ups = Rows.Pointer<ushort>(up), gradients = Rows.Pointer<ushort>(gradient);
        ushort* gateResults = Rows.Pointer<ushort>(ofGate), upResults = Rows.Pointer<ushort>(ofUp);
        Rows.ForEachPiece(gate.shape[0], gate.shape[1], (first, end) =>
        {
            for (long i = first; i < end; i += Lanes.Count)
            {
                var (g, u, d) = (Lanes.Load(gates + i), Lanes.Load(ups + i), Lanes.Load(gradients + i));
                var sigmoid = Lanes.Sigmoid(g);
                var silu = g * sigmoid;
                Lanes.Store(upResults + i, d * silu);
                Lanes.Store(gateResults + i, d * u * (sigmoid + silu - (silu * sigmoid)));
            }
        });
        return [ofGate, ofUp];
    }

    private static Tensor Compute(Tensor gate, Tensor up)
    {
        var gated = empty_like(gate);
        ushort* gates = Rows.Pointer<ushort>(gate), ups = Rows.Pointer<ushort>(up), results = Rows.Pointer<ushort>(gated);
        Rows.ForEachPiece(gate.shape[0], gate.shape[1], (first, end) =>
        {
            for (long i = first; i < end; i += Lanes.Count)
            {
                var g = Lanes.Load(gates + i);
                Lanes.Store(results + i, g * Lanes.Sigmoid(g) * Lanes.Load(ups + i));
            }
        });
        return gated;
    }
}
