using System.Text.Json;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Optimizers;
using TorchSharp;

namespace LLaDA.Diffusion.Tests;

public sealed class GoldenTrainingTests
{
    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Pretraining_noise_and_loss_equal_the_references(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();

        var batch = Noise(golden, model.Config.MaskTokenId, "pretrain");

        Assert.Equal(golden.Tokens("pretrain.noisy"), batch.Tokens);
        AssertClose(golden.Number("pretrain.loss"), DiffusionLoss.Pretraining(model, batch).item<float>(), 1e-5);
    }

    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Fine_tuning_noise_and_loss_equal_the_references(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        int[] promptLengths = [.. golden.Tokens("sft.prompt_lengths").Select(length => (int)length)];

        var batch = Noise(golden, model.Config.MaskTokenId, "pretrain").RestorePrompts(promptLengths, golden.Rows("pretrain.input_ids"));

        Assert.Equal(golden.Tokens("sft.noisy"), batch.Tokens);
        AssertClose(golden.Number("sft.loss"), DiffusionLoss.SupervisedFineTuning(model, batch, promptLengths).item<float>(), 1e-5);
    }

    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Ten_steps_of_AdamW_follow_the_references_losses(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        JsonElement settings = golden.Json.GetProperty("adamw");
        double Setting(string setting) => settings.GetProperty(setting).GetDouble();
        var betas = settings.GetProperty("betas");
        var parameters = model.named_parameters().Select(
            entry => new DecayingParameter(entry.name, entry.parameter, Setting("weight_decay")));
        using var optimizer = new AdamW([.. parameters], betas[0].GetDouble(), betas[1].GetDouble(), Setting("eps"));
        double[] expected = [.. golden["train.losses"].data<double>()];

        for (int step = 0; step < expected.Length; step++)
        {
            using var stepScope = torch.NewDisposeScope();
            var loss = DiffusionLoss.Pretraining(model, Noise(golden, model.Config.MaskTokenId, $"train.{step}"));
            Gradients.Clear(model.parameters());
            loss.backward();
            double gradNorm = Gradients.Norm([.. model.parameters()]);
            optimizer.Update(step + 1, Setting("lr"), Math.Min(1, Setting("clip") / (gradNorm + 1e-6)));

            AssertClose(expected[step], loss.item<float>(), 5e-4);
            if (step == 0)
                AssertClose(golden.Number("train.grad_norm"), gradNorm, 1e-4);
        }
        var embedding = model.named_parameters().Single(parameter => parameter.name == "wte.weight").parameter;
        // A gradient near zero may round to either sign, and Adam's first steps are signs: a few entries differ by a step, the rest
        // hardly at all.
        Assert.InRange((embedding - golden["train.final.wte"]).abs().mean().item<float>(), 0, 2e-6f);
    }

    internal static NoisedBatch Noise(GoldenFolder golden, int maskTokenId, string draws)
    {
        double[] t = [.. golden[$"{draws}.t"].data<float>().Select(value => (double)value)];
        using var draw = golden[$"{draws}.uniform"];
        double[][] uniform = [.. draw.data<float>().Select(value => (double)value).Chunk((int)draw.shape[1])];
        return ForwardProcess.Noise(golden.Rows("pretrain.input_ids"), maskTokenId, t, uniform);
    }

    internal static void AssertClose(double expected, double actual, double relative) =>
        Assert.InRange(actual, expected - (relative * Math.Abs(expected)), expected + (relative * Math.Abs(expected)));
}
