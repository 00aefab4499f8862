using CsCheck;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Tests.Families;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Optimizers;

using Parameter = TorchSharp.Modules.Parameter;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class MuonTests
{
    private const double Rate = 0.01;

    private static readonly Gen<int[]> s_shape = Gen.OneOf(
        Gen.Select(Gen.Int[1, 12], Gen.Int[1, 12], (rows, columns) => new[] { rows, columns }),
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 9], Gen.Int[1, 9], (count, rows, columns) => new[] { count, rows, columns }));

    [Fact]
    public void Updates_are_those_of_the_equations() =>
        (from shape in s_shape
         from seed in Gen.Int[0, 10_000]
         from decay in Gen.Double[0, 0.5]
         from scale in Gen.Double[0.1, 1]
         select (shape, seed, decay, scale)).Sample(test =>
        {
            using var scope = NewDisposeScope();
            long[] shape = [.. test.shape.Select(size => (long)size)];
            using var parameter = new Parameter(Random(test.seed, shape));
            using var optimizer = new Muon([new DecayingParameter("w", parameter, test.decay)], ScalarType.Float32);
            var weight = parameter.detach().to(ScalarType.Float64);
            var momentum = zeros_like(weight);
            for (int step = 1; step <= 3; step++)
            {
                var gradient = Random(test.seed + step, shape);
                parameter.grad = gradient;
                double scale = test.scale / step;
                optimizer.Update(Rate, scale);

                var scaled = gradient.to(ScalarType.Float64) * scale;
                momentum = (momentum * Muon.Momentum) + scaled;
                var direction = Orthogonal(scaled + (momentum * Muon.Momentum));
                weight = (weight * (1 - (Rate * test.decay))) - (direction * (Rate * 0.2 * Math.Sqrt(shape[^2..].Max())));
                TensorAssert.Close(weight, parameter.to(ScalarType.Float64), 1e-5);
            }
        }, iter: 60);

    [Theory]
    [InlineData(16, 16)]
    [InlineData(16, 48)]
    [InlineData(48, 16)]
    public void All_directions_change_by_about_as_much_along_the_gradients_own(int rows, int columns)
    {
        using var scope = NewDisposeScope();
        // Singular values from 1 to a hundredth.
        var (left, _, right) = linalg.svd(Random(1, rows, columns), fullMatrices: false);
        var values = logspace(0, -2, 16);
        var gradient = left.matmul(diag(values)).matmul(right);

        var change = Change(gradient) / (Rate * 0.2 * Math.Sqrt(Math.Max(rows, columns)));

        float[] sizes = [.. linalg.svdvals(change).data<float>()];
        Assert.All(sizes, size => Assert.InRange(size, 0.5f, 1.3f));
        var along = left.transpose(0, 1).matmul(change).matmul(right.transpose(0, 1));
        TensorAssert.Close(diag(diag(along)), along, 1e-3);
        Assert.All(diag(along).data<float>().ToArray(), size => Assert.True(size > 0));
    }

    [Fact]
    public void The_size_of_the_gradient_does_not_matter_and_its_rotation_rotates_the_update()
    {
        using var scope = NewDisposeScope();
        var gradient = Random(1, 12, 20);
        var (rotation, _) = linalg.qr(Random(2, 12, 12));

        var change = Change(gradient);

        TensorAssert.Close(change, Change(gradient * 1e4), 1e-5);
        TensorAssert.Close(change, Change(gradient * 1e-3), 1e-5);
        TensorAssert.Close(rotation.matmul(change), Change(rotation.matmul(gradient)), 1e-5);
    }

    [Fact]
    public void Entries_of_an_update_have_the_size_of_AdamWs()
    {
        using var scope = NewDisposeScope();

        foreach (var (rows, columns) in new[] { (32, 32), (16, 64), (64, 16) })
            Assert.InRange(Change(Random(3, rows, columns)).pow(2).mean().sqrt().item<float>() / Rate, 0.12, 0.25);
    }

    [Fact]
    public void A_stack_is_updated_matrix_by_matrix()
    {
        using var scope = NewDisposeScope();
        var stack = Random(4, 3, 8, 6);

        var change = Change(stack);

        for (int index = 0; index < 3; index++)
            TensorAssert.Close(Change(stack[index]), change[index], 1e-6);
    }

    [Fact]
    public void Products_in_bfloat16_give_the_update_but_for_their_rounding()
    {
        using var scope = NewDisposeScope();
        var gradient = Random(5, 24, 24);

        var (exact, rounded) = (Change(gradient), Change(gradient, ScalarType.BFloat16));

        double difference = ((exact - rounded).norm() / exact.norm()).item<float>();
        Assert.InRange(difference, 1e-6, 0.05);
    }

    [Fact]
    public void Without_a_gradient_decay_is_all_that_happens()
    {
        using var scope = NewDisposeScope();
        using var parameter = new Parameter(ones(3, 5));
        using var optimizer = new Muon([new DecayingParameter("w", parameter, 0.3)], ScalarType.Float32);

        optimizer.Update(Rate);

        TensorAssert.Close(full([3, 5], 1 - (Rate * 0.3)), parameter, 1e-7);
    }

    [Fact]
    public void Without_further_gradients_it_goes_on_along_its_momentum_by_updates_as_large()
    {
        using var scope = NewDisposeScope();
        using var parameter = new Parameter(zeros(4, 6));
        using var optimizer = new Muon([new DecayingParameter("w", parameter, 0)], ScalarType.Float32);
        parameter.grad = Random(6, 4, 6);
        optimizer.Update(Rate);
        var first = parameter.detach().clone();

        parameter.grad = null;
        optimizer.Update(Rate);

        TensorAssert.Close(first * 2, parameter, 1e-6);
    }

    [Fact]
    public void Adapters_are_refused_with_a_sentence()
    {
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();
        using var lora = new LoraWeights(model, new LoraOptions { Rank = 2 });
        var trainer = new Trainer(
            lora, TinyTraining.Text, null, TinyTraining.Options with { Optimizer = OptimizerKind.Muon }, folder.Path);

        var error = Assert.Throws<ArgumentException>(() => trainer.Run());

        Assert.Contains("adapters are trained by AdamW", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_moments_are_no_more_than_memory_is_counted_for()
    {
        using var model = TinyModel.Random();
        var options = TinyTraining.Options with { Optimizer = OptimizerKind.Muon };
        using var optimizer = new Optimizer(new FullWeights(model).Parameters, options, ScalarType.Float32);

        long counted = TrainingMemory.Of(
            model.Config, model.Config.NumParameters, ScalarType.Float32, ScalarType.Float32, options, 16).Optimizer;

        Assert.InRange(optimizer.Moments.Sum(entry => entry.Tensor.numel() * 4), 1, counted);
    }

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void It_updates_the_matrices_of_the_blocks_and_AdamW_the_rest(string family)
    {
        using var model = TinyModel.Random(FamilyModels.All[family]);
        var parameters = new FullWeights(model).Parameters;
        using var optimizer = new Optimizer(parameters, TinyTraining.Options with { Optimizer = OptimizerKind.Muon }, ScalarType.Float32);

        string[] orthogonal = [.. Names(optimizer, ".momentum_buffer")];

        string[] ofBlocks =
            ["_proj.weight", "attn_out.weight", "ff_out.weight", "experts.gate_proj", "experts.up_proj", "experts.down_proj"];
        Assert.Equal(
            parameters.Select(entry => entry.Name).Where(name => name.StartsWith("blocks.", StringComparison.Ordinal)
                && ofBlocks.Any(end => name.EndsWith(end, StringComparison.Ordinal))),
            orthogonal);
        Assert.NotEmpty(orthogonal);
        Assert.Equal(parameters.Select(entry => entry.Name).Except(orthogonal), Names(optimizer, ".exp_avg"));
        Assert.Equal(Names(optimizer, ".exp_avg"), Names(optimizer, ".exp_avg_sq"));
    }

    private static IEnumerable<string> Names(Optimizer optimizer, string moment) => optimizer.Moments
        .Where(entry => entry.Name.EndsWith(moment, StringComparison.Ordinal)).Select(entry => entry.Name[..^moment.Length]);

    /// <summary>What a first update takes away, without decay.</summary>
    private static Tensor Change(Tensor gradient, ScalarType productType = ScalarType.Float32)
    {
        using var parameter = new Parameter(zeros(gradient.shape));
        using var optimizer = new Muon([new DecayingParameter("w", parameter, 0)], productType);
        parameter.grad = gradient;
        optimizer.Update(Rate);
        return parameter.detach().neg();
    }

    /// <summary>Five steps of x = 3.4445 x - 4.775 (x x') x + 2.0315 (x x')^2 x, from a matrix of norm 1.</summary>
    private static Tensor Orthogonal(Tensor matrix)
    {
        var x = matrix / (matrix.pow(2).sum([-2, -1], keepdim: true).sqrt() + 1e-7);
        for (int step = 0; step < 5; step++)
        {
            var square = x.matmul(x.transpose(-2, -1));
            x = (x * 3.4445) - (square.matmul(x) * 4.775) + (square.matmul(square).matmul(x) * 2.0315);
        }
        return x;
    }

    private static Tensor Random(int seed, params long[] shape)
    {
        var random = new CounterRandom((ulong)seed);
        float[] numbers = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, size) => product * size))
            .Select(index => (float)((2 * random.Uniform(0, (ulong)index, RandomStream.Mask)) - 1))];
        return tensor(numbers, shape);
    }
}
