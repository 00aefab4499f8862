using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Sampling;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests;

/// <summary>Tensors are freed by scopes alone: what a step makes, it must give back.</summary>
public sealed class LeakTests
{
    [Fact]
    public void Hundred_denoising_steps_leave_no_tensor_alive()
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var forbidden = new TokenSet([1, 2]);
        SamplingRow[] rows =
        [
            SamplingRows.Generation(50, new() { BlockLength = 5, CfgScale = 1, DefersEos = true }, 3),
            SamplingRows.Generation(50, new() { Temperature = 1, TopP = 0.9, ForbidsEos = true, Forbidden = forbidden }, 3, 4),
        ];
        sampler.Sample(rows);       // from here on tables and sets are in memory
        long before = LiveTensors.Count;

        int steps = 0;
        while (steps < 100)
            steps += sampler.Sample(rows)[1].NumForwards;

        Assert.Equal(before, LiveTensors.Count);
    }

    [Fact]
    public void Forward_pass_leaves_its_result_alone()
    {
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        using var canvas = zeros(2, 9, ScalarType.Int64);
        model.call(canvas).Dispose();
        long before = LiveTensors.Count;

        var logits = model.call(canvas);

        Assert.Equal(before + 1, LiveTensors.Count);
        logits.Dispose();
    }

    [Theory]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void Training_steps_leave_no_tensor_alive(OptimizerKind optimizer)
    {
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();
        var sequences = new TokenSequences([.. Enumerable.Range(0, 400).Select(index => index % TinyModel.NumTextTokens)], 16, seed: 1);
        var options = new TrainingOptions
        {
            BatchSize = 2,
            LearningRate = new LearningRateSchedule(1e-3, 1e-4, 1, 1, 8),
            CheckpointInterval = 2,
            ValidationInterval = 3,
            Optimizer = optimizer,
        };
        List<long> alive = [];

        new Trainer(new FullWeights(model), sequences, sequences, options, folder.Path).Run(_ => alive.Add(LiveTensors.Count));

        Assert.Equal(8, alive.Count);
        Assert.Equal(alive[1], alive[^1]);
    }

    [Fact]
    public void Network_and_its_file_leave_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        using (var warmup = TinyModel.Random())
            Checkpoint.Save(warmup, folder.Path);
        Checkpoint.Load(folder.Path).Dispose();
        long before = LiveTensors.Count;

        using (var model = Checkpoint.Load(folder.Path))
        using (var canvas = zeros(1, 3, ScalarType.Int64))
        {
            model.call(canvas).Dispose();
            Checkpoint.Save(model, folder.Path);
        }

        Assert.Equal(before, LiveTensors.Count);
    }
}
