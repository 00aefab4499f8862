using System.Diagnostics;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Tasks;

/// <summary>Fine-tunes a base model on the lookup task (LLaDA, Algorithm 2), so that the sampler is judged where exact match means something.</summary>
internal static class LookupTraining
{
    private const int BatchSize = 8, WarmupSteps = 50;
    private const double LearningRate = 1e-3;

    private static readonly int[] s_promptLengths = [64, 64, 96, 160, 384];
    private static readonly int[] s_answerLengths = [32, 32, 64, 128];

    public static void Run(MaskPredictor model, LookupTask task, string output, TimeSpan time)
    {
        var random = new Random(1);
        var noise = new CounterRandom(1);
        using var optimizer = optim.AdamW(model.parameters(), LearningRate, 0.9, 0.95, weight_decay: 0.01);
        model.train();
        long started = Stopwatch.GetTimestamp();
        for (uint step = 0; ; step++)
        {
            double progress = Stopwatch.GetElapsedTime(started) / time;
            if (progress >= 1)
                break;
            foreach (var group in optimizer.ParamGroups)
                group.LearningRate = LearningRate * Math.Min((step + 1.0) / WarmupSteps, Math.Min(1, 4 * (1 - progress)));
            float loss = Step(model, task, optimizer, random, noise, step);
            if (step % 50 == 0)
                Console.WriteLine($"step {step}  {progress:P0}  loss {loss:F3}");
            if (step % 500 == 499)
                Checkpoint.Save(model, output, ScalarType.BFloat16);
        }
        model.eval();
        Checkpoint.Save(model, output, ScalarType.BFloat16);
    }

    private static float Step(MaskPredictor model, LookupTask task, TorchSharp.Modules.AdamW optimizer, Random random, CounterRandom noise, uint step)
    {
        using var scope = NewDisposeScope();
        int promptLength = s_promptLengths[random.Next(s_promptLengths.Length)], answerLength = s_answerLengths[random.Next(s_answerLengths.Length)];
        Example[] examples = [.. Enumerable.Range(0, promptLength > 200 ? BatchSize / 2 : BatchSize).Select(_ => task.Draw(random, promptLength))];
        int length = promptLength + answerLength;
        int[][] x0 = [.. examples.Select(example => (int[])[.. example.Prompt, .. example.Answer, .. Enumerable.Repeat(model.Config.EosTokenId, length - example.Prompt.Length - example.Answer.Length)])];
        int[] promptLengths = [.. examples.Select(example => example.Prompt.Length)];
        var noisy = ForwardProcess.Noise(x0, model.Config.MaskTokenId, noise, step, isStratified: true).RestorePrompts(promptLengths, x0);

        optimizer.zero_grad();
        var loss = DiffusionLoss.SupervisedFineTuning(model, noisy, promptLengths);
        loss.backward();
        nn.utils.clip_grad_norm_(model.parameters(), 1);
        optimizer.step();
        return loss.item<float>();
    }
}
