using System.Diagnostics;
using System.Globalization;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>Runs a trainer and reports on a terminal where it resumes, every twentieth step, and the model at the end.</summary>
/// <param name="folder">Of the run.</param>
internal sealed class ConsoleRun(string folder, int numSteps, TextWriter output)
{
    private const int ReportedSteps = 20;

    private readonly long _started = Stopwatch.GetTimestamp();

    /// <exception cref="OperationCanceledException">Interrupted; the last checkpoint stays, and its step is reported.</exception>
    public void Train(Trainer trainer, CancellationToken cancellation)
    {
        int step = LastCheckpoint();
        if (step > 0)
            output.WriteLine($"resumes at step {step} of {numSteps}");
        try
        {
            trainer.Run(Report, cancellation);
        }
        catch (OperationCanceledException)
        {
            output.WriteLine(LastCheckpoint() is > 0 and var kept
                ? $"The same command resumes at step {kept} of {numSteps}"
                : "The same command starts from scratch: there is no checkpoint yet");
            throw;
        }
    }

    /// <summary>Saves a trained network in bfloat16 with its tokenizer: a folder that a worker or another training can load.</summary>
    /// <param name="tokenizer">Folder of the tokenizer files to copy.</param>
    public static void Save(MaskPredictor network, string tokenizer, string model)
    {
        Checkpoint.Save(network, model, ScalarType.BFloat16);
        foreach (string file in Directory.GetFiles(tokenizer).Where(file => TokenizerFiles.Contains(Path.GetFileName(file))))
        {
            string copy = Path.Combine(model, Path.GetFileName(file));
            if (Path.GetFullPath(file) != Path.GetFullPath(copy))
                File.Copy(file, copy, overwrite: true);
        }
    }

    /// <summary>The last line of a run.</summary>
    /// <param name="next">What can be done with the result.</param>
    public void Finish(string result, string next)
    {
        var time = Stopwatch.GetElapsedTime(_started);
        string took = time.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:F1} h")
            : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:F1} min");
        output.WriteLine($"{result} after {took}, curves in {Path.Combine(folder, "curves.svg")}. Next: {next}");
    }

    private void Report(TrainingMetrics metrics)
    {
        if (metrics.Step % ReportedSteps != 0 && metrics.ValidationLoss is null)
            return;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"step {metrics.Step}  loss {metrics.Loss:F3}  grad {metrics.GradNorm:F2}  lr {metrics.LearningRate:E1}")
            + string.Create(CultureInfo.InvariantCulture, $"  {metrics.TokensPerSecond:F0} tokens/s  {metrics.ValidationLoss,6:F3}")
            + string.Concat((metrics.Measures ?? new Dictionary<string, double>()).Select(measure =>
                string.Create(CultureInfo.InvariantCulture, $"  {measure.Key} {measure.Value:F3}"))));
    }

    /// <returns>The step of the newest whole checkpoint; 0 where there is none.</returns>
    private int LastCheckpoint()
    {
        string checkpoints = Path.GetDirectoryName(Trainer.CheckpointFolder(folder, step: 0))!;
        if (!Directory.Exists(checkpoints))
            return 0;
        string? last = Directory.GetDirectories(checkpoints).Where(Manifest.IsIn).Max(StringComparer.Ordinal);
        return last is null ? 0 : int.Parse(last[(last.LastIndexOf('-') + 1)..], CultureInfo.InvariantCulture);
    }
}
