using LLaDA.Diffusion.Checkpoints;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>A checkpoint whose optimizer file fits the network in all but one tensor.</summary>
public sealed class OptimizerFileTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Moments_of_another_shape_are_refused() =>
        Assert.EndsWith("holds ln_f.weight.exp_avg Float32 [31], which should be Float32 [32]", Refusal(moments => moments["ln_f.weight.exp_avg"] = zeros(31)), StringComparison.Ordinal);

    [Fact]
    public void Moments_of_another_type_are_refused() =>
        Assert.EndsWith("holds ln_f.weight.exp_avg BFloat16 [32], which should be Float32 [32]", Refusal(moments => moments["ln_f.weight.exp_avg"] = zeros(32, ScalarType.BFloat16)), StringComparison.Ordinal);

    [Fact]
    public void Moments_that_are_missing_are_refused() =>
        Assert.EndsWith("lacks ln_f.weight.exp_avg_sq", Refusal(moments => moments.Remove("ln_f.weight.exp_avg_sq")), StringComparison.Ordinal);

    [Fact]
    public void Moments_of_no_weight_are_refused() =>
        Assert.Contains("holds more.exp_avg", Refusal(moments => moments["more.exp_avg"] = zeros(1)), StringComparison.Ordinal);

    private string Refusal(Action<Dictionary<string, Tensor>> change)
    {
        using (var model = TinyModel.Random())
            TrainingRun.Run(model, _folder.Path);
        string last = _folder.File("checkpoints/step-00000010"), path = Path.Combine(last, "optimizer.safetensors");
        Dictionary<string, Tensor> moments = [];
        using (var file = new SafetensorsFile(path))
        {
            foreach (string name in file.Tensors.Keys)
                moments[name] = file.Read(name);
        }
        change(moments);
        SafetensorsWriter.Write(path, [.. moments.Select(entry => (entry.Key, entry.Value))]);
        Manifest.Write(last);

        using var other = TinyModel.Random();
        return Assert.Throws<CheckpointException>(() => TrainingRun.Run(other, _folder.Path)).Message;
    }
}
