using CsCheck;
using LLaDA.Diffusion.Kernels;
using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Kernels;

/// <summary>Each kernel beside the operations of libtorch that it stands for, computed in float64 from the same numbers.</summary>
public sealed class KernelsTests : IDisposable
{
    /// <summary>Of results in bfloat16, which has 8 bits: half of the last one, and something for the sums.</summary>
    private const double Tolerance = 0.0045;

    private readonly int _numThreads = get_num_threads();
    private readonly DisposeScope _scope = NewDisposeScope();

    public KernelsTests() => Assert.SkipUnless(Lanes.AreSupported, "The processor has no vectors of 512 bits");

    public void Dispose()
    {
        _scope.Dispose();
        set_num_threads(_numThreads);
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(33, 48)]
    [InlineData(200, 320)]
    public void Norm_and_its_gradients_are_those_of_the_formula(int numRows, int width)
    {
        var (x, weight, given) = (Drawn(1, numRows, width), Drawn(2, width), Drawn(3, numRows, width).to(ScalarType.BFloat16));
        var (wideX, wideWeight) = (Wide(x), Wide(weight));
        var expected = wideX * rsqrt((wideX * wideX).mean([-1], keepdim: true) + 1e-5) * wideWeight;

        var normed = NormKernel.Of(x.requires_grad_(true), weight.requires_grad_(true), 1e-5);
        normed.backward([given]);
        expected.backward([given.to(ScalarType.Float64)]);

        Near(expected, normed);
        Near(wideX.grad!, x.grad!);
        Near(wideWeight.grad!, weight.grad!);
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(70, 96)]
    public void Gate_and_its_gradients_are_those_of_the_formula(int numRows, int width)
    {
        var (gate, up) = (Drawn(1, numRows, width).mul(3).to(ScalarType.BFloat16), Drawn(2, numRows, width).to(ScalarType.BFloat16));
        var given = Drawn(3, numRows, width).to(ScalarType.BFloat16);
        var (wideGate, wideUp) = (Wide(gate), Wide(up));
        var expected = nn.functional.silu(wideGate) * wideUp;

        var gated = GateKernel.Of(gate.requires_grad_(true), up.requires_grad_(true));
        gated.backward([given]);
        expected.backward([given.to(ScalarType.Float64)]);

        Near(expected, gated);
        Near(wideGate.grad!, gate.grad!);
        Near(wideUp.grad!, up.grad!);
    }

    [Theory]
    [InlineData(5, 3, 32)]
    [InlineData(80, 4, 64)]
    public void Rotation_is_that_of_the_network_and_its_gradient_turns_back(int numTokens, int numHeads, int width)
    {
        using var rotary = new RotaryEmbedding(width, 100, 10_000, CPU);
        var rotation = rotary.At(arange(numTokens));
        var (x, given) = (
            Drawn(1, numTokens, numHeads, width).to(ScalarType.BFloat16), Drawn(2, numTokens, numHeads, width).to(ScalarType.BFloat16));
        var wide = x.detach().to(ScalarType.Float32).requires_grad_(true);
        var expected = rotation.Apply(wide);

        var rotated = RotationKernel.Of(x.requires_grad_(true), rotation.Cosine, rotation.Sine);
        rotated.backward([given]);
        expected.backward([given.to(ScalarType.Float32)]);

        Near(expected, rotated);
        Near(wide.grad!, x.grad!);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(30)]
    [InlineData(3000)]
    public void Cross_entropy_and_its_gradient_are_libtorchs_also_of_large_logits(double scale)
    {
        const int numRows = 40, width = 96;
        var logits = (Drawn(1, numRows, width) * scale).to(ScalarType.BFloat16);
        int[] targets = [.. Enumerable.Range(0, numRows).Select(row => row * 7 % width)];
        float[] weights = [.. Enumerable.Range(0, numRows).Select(row => row * 0.1f)];
        var wide = Wide(logits);
        var tokens = tensor(Array.ConvertAll(targets, target => (long)target));
        var losses = nn.functional.cross_entropy(wide, tokens, reduction: nn.Reduction.None);
        var expected = (losses * tensor(weights).to(ScalarType.Float64)).sum();
        expected.backward();

        double sum = CrossEntropyKernel.ReplaceByGradient(logits, targets, weights);

        Assert.Equal(expected.item<double>(), sum, 1e-5 * Math.Max(1, Math.Abs(sum)));
        Near(wide.grad!, logits);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(32)]
    public void Token_that_has_no_logit_is_an_error(int token) =>
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            CrossEntropyKernel.ReplaceByGradient(zeros(2, 32, ScalarType.BFloat16), [0, token], [1, 1]));

    [Fact]
    public void Tensors_of_another_type_or_shape_are_errors()
    {
        Assert.Throws<ArgumentException>(() => GateKernel.Of(ones(2, 16), ones(2, 16)));
        Assert.Throws<ArgumentException>(() => GateKernel.Of(ones(2, 16, ScalarType.BFloat16), ones(3, 16, ScalarType.BFloat16)));
        Assert.Throws<ArgumentException>(() => RotationKernel.Of(ones(2, 1, 32, ScalarType.BFloat16), ones(3, 1, 32), ones(3, 1, 32)));
    }

    /// <summary>An exception that left the call would end the process.</summary>
    [Fact]
    public void Error_of_a_backward_pass_waits_for_its_end()
    {
        var x = Drawn(1, 4, 16).requires_grad_(true);
        var result = Failing.apply(x);

        result.backward([ones(4, 16)]);

        Assert.Null(x.grad);
        Assert.Throws<InvalidOperationException>(FunctionTensors.End);
        FunctionTensors.End();
    }

    [Fact]
    public void Numbers_are_rounded_as_libtorch_rounds_them() =>
        Gen.UInt.Select(bits => BitConverter.UInt32BitsToSingle(bits)).Array[Lanes.Count].Sample(Rounds, iter: 2_000);

    [Fact]
    public void Ties_infinities_and_what_is_no_number_are_rounded_as_libtorch_rounds_them()
    {
        uint[] bits = [
            0, 0x8000_0000, 0x3F80_8000, 0x3F81_8000, 0x3F80_7FFF, 0x3F80_8001, 0x7F80_0000, 0xFF80_0000, 0x7F7F_FFFF, 0xFF7F_FFFF,
            0x7FC0_0000, 0x7FFF_FFFF, 0x7F80_0001, 0xFFFF_FFFF, 1, 0x0000_8000];
        Rounds(Array.ConvertAll(bits, BitConverter.UInt32BitsToSingle));
    }

    [Fact]
    public void Number_of_threads_changes_no_bit()
    {
        var (x, weight, given) = (Drawn(1, 500, 2048), Drawn(2, 2048), Drawn(3, 500, 2048).to(ScalarType.BFloat16));
        Tensor[] Computed(int numThreads)
        {
            set_num_threads(numThreads);
            var (input, scale) = (x.clone().requires_grad_(true), weight.clone().requires_grad_(true));
            var gate = given.clone().requires_grad_(true);
            var result = GateKernel.Of(gate, NormKernel.Of(input, scale, 1e-5));
            result.backward([given]);
            return [result, input.grad!, scale.grad!, gate.grad!];
        }

        foreach (var (one, three) in Computed(1).Zip(Computed(3)))
            TensorAssert.Equal(one, three);
    }

    [Fact]
    public void What_is_no_number_stays_visible()
    {
        var x = ones(2, 16);
        x[1, 3] = float.NaN;

        var normed = NormKernel.Of(x, ones(16), 1e-5);

        Assert.True(normed[1].isnan().all().item<bool>());
        Assert.False(normed[0].isnan().any().item<bool>());
    }

    [Fact]
    public void Steps_keep_no_tensor()
    {
        var (x, weight) = (Drawn(1, 40, 32).requires_grad_(true), ones(32).requires_grad_(true));
        void Step()
        {
            using var scope = NewDisposeScope();
            var normed = NormKernel.Of(x, weight, 1e-5);
            GateKernel.Of(normed, normed).sum().backward();
        }
        Step();
        long alive = LiveTensors.Count;

        for (int step = 0; step < 5; step++)
            Step();

        Assert.Equal(alive, LiveTensors.Count);
    }

    [Fact]
    public void Widths_that_are_not_whole_vectors_other_types_and_other_devices_keep_the_modules()
    {
        Assert.True(TrainingKernels.Suit(CPU, ScalarType.BFloat16, 48));
        Assert.False(TrainingKernels.Suit(CPU, ScalarType.BFloat16, 40));
        Assert.False(TrainingKernels.Suit(CPU, ScalarType.Float32, 32));
        Assert.False(TrainingKernels.Suit(META, ScalarType.BFloat16, 32));
    }

    private static unsafe void Rounds(float[] numbers)
    {
        using var scope = NewDisposeScope();
        ushort[] rounded = new ushort[Lanes.Count];
        fixed (float* from = numbers)
        fixed (ushort* to = rounded)
            Lanes.Store(to, System.Runtime.Intrinsics.Vector512.Load(from));
        float[] expected = [.. tensor(numbers).to(ScalarType.BFloat16).to(ScalarType.Float32).data<float>()];

        Assert.Equal(expected, Array.ConvertAll(rounded, half => BitConverter.UInt32BitsToSingle((uint)half << 16)));
    }

    private static Tensor Drawn(int seed, params long[] shape)
    {
        using var random = new Generator((ulong)seed);
        return randn(shape, ScalarType.Float32, generator: random);
    }

    private static Tensor Wide(Tensor numbers) => numbers.detach().to(ScalarType.Float64).requires_grad_(true);

    /// <summary>By the largest number.</summary>
    private static void Near(Tensor expected, Tensor actual)
    {
        double largest = expected.abs().max().to(ScalarType.Float64).item<double>();
        TensorAssert.Close(expected, actual, Tolerance * Math.Max(1, largest));
    }

    private sealed class Failing : autograd.SingleTensorFunction<Failing>
    {
        public override string Name => nameof(Failing);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            FunctionTensors.Save(ctx, (Tensor)vars[0]);
            return ((Tensor)vars[0]).clone();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
            FunctionTensors.Backward(ctx, grad_output, 1, (_, _) => throw new InvalidOperationException("no memory"));
    }
}
