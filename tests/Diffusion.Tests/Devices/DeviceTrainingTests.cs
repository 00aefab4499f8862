using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Tests.Training;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Devices;

/// <summary>The trainer on each device, beside the one on a CPU.</summary>
public sealed class DeviceTrainingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<DeviceType> Devices => TestDevice.All;

    public static MatrixTheoryData<DeviceType, OptimizerKind> Optimizers { get; } =
        new([DeviceType.CPU, DeviceType.CUDA], Enum.GetValues<OptimizerKind>());

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Losses_follow_those_on_a_CPU_and_so_do_those_of_a_resumed_run(DeviceType type, OptimizerKind optimizer)
    {
        var options = TinyTraining.Options with { Optimizer = optimizer };
        var device = TestDevice.Of(type);
        using var reference = TinyModel.Random();
        using var model = TinyModel.Random(device: device);
        using var stopped = new CancellationTokenSource();
        var expected = TinyTraining.Run(reference, _folder.File("reference"), options);

        // It stops after a checkpoint and goes on from there.
        var metrics = new List<TrainingMetrics>();
        Assert.Throws<OperationCanceledException>(() => TinyTraining.Run(model, _folder.File("run"), options, step =>
        {
            metrics.Add(step);
            if (step.Step == TinyTraining.Options.CheckpointInterval)
                stopped.Cancel();
        }, cancellation: stopped.Token));
        using var resumed = TinyModel.Random(seed: 9, device: device);
        metrics.AddRange(TinyTraining.Run(resumed, _folder.File("run"), options with { ActivationCheckpointing = true }));

        Assert.Equal(expected.Select(step => step.Step), metrics.Select(step => step.Step));
        foreach (var (cpu, here) in expected.Zip(metrics))
        {
            Assert.InRange(here.Loss, cpu.Loss * 0.999, cpu.Loss * 1.001);
            Assert.InRange(here.GradNorm, cpu.GradNorm * 0.99, cpu.GradNorm * 1.01);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Adapters_of_a_frozen_bfloat16_network_learn_merge_and_unmerge(DeviceType type)
    {
        var device = TestDevice.Of(type);
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(weightType: ScalarType.BFloat16, computeType: ScalarType.BFloat16, device: device);
        using var lora = new LoraWeights(model, new LoraOptions { Rank = 4 });
        var canvas = TinyModel.Canvas(1, 2, TinyModel.Mask).to(device);
        List<double> losses = [];

        new Trainer(lora, TinyTraining.Text, null, TinyTraining.Options, _folder.File("run")).Run(step => losses.Add(step.Loss));

        Assert.All(losses, loss => Assert.True(double.IsFinite(loss)));
        var beside = model.call(canvas).cpu();
        lora.Merge();
        Assert.InRange(TensorAssert.LargestDifference(beside, model.call(canvas).cpu()), 0, 0.1);
        lora.Unmerge();
        TensorAssert.Equal(beside, model.call(canvas).cpu());
    }
}
