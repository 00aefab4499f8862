using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>What a run needs to go on: weights, the optimizer's moments, and the number of steps done. Noise and data order follow from the step.</summary>
/// <remarks>A checkpoint is written beside the last one and takes its place by renaming, so that a run killed at any moment finds a whole one.</remarks>
internal static class TrainingCheckpoint
{
    private const string Current = "checkpoint", Partial = "checkpoint.partial", Previous = "checkpoint.previous";
    private const string OptimizerFile = "optimizer.safetensors", StateFile = "state.json";

    private sealed record State(int Step);

    public static void Save(string folder, MaskPredictor model, AdamW optimizer, int step)
    {
        string partial = Path.Combine(folder, Partial), current = Path.Combine(folder, Current), previous = Path.Combine(folder, Previous);
        DeleteFolder(partial);
        Checkpoint.Save(model, partial);
        SafetensorsWriter.Write(Path.Combine(partial, OptimizerFile), Moments(model, optimizer));
        File.WriteAllText(Path.Combine(partial, StateFile), JsonSerializer.Serialize(new State(step)));

        DeleteFolder(previous);
        if (Directory.Exists(current))
            Directory.Move(current, previous);
        Directory.Move(partial, current);
        DeleteFolder(previous);
    }

    /// <returns>The steps done; 0 where there is no checkpoint.</returns>
    public static int Load(string folder, MaskPredictor model, AdamW optimizer)
    {
        string? found = new[] { Current, Previous }.Select(name => Path.Combine(folder, name)).FirstOrDefault(Directory.Exists);
        if (found is null)
            return 0;

        using (var weights = new WeightFiles(found))
        {
            var names = weights.Match(ParameterShapes.Of(model.Config));
            foreach (var (name, parameter) in model.named_parameters())
                weights.CopyTo(names[name], parameter);
        }
        using (var file = new SafetensorsFile(Path.Combine(found, OptimizerFile)))
        {
            foreach (var (name, moment) in Moments(model, optimizer))
                file.CopyTo(name, moment);
        }
        int step = JsonSerializer.Deserialize<State>(File.ReadAllText(Path.Combine(found, StateFile)))!.Step;
        foreach (var state in States(optimizer))
            state.step = step;
        return step;
    }

    private static List<(string Name, Tensor Tensor)> Moments(MaskPredictor model, AdamW optimizer)
    {
        List<(string, Tensor)> moments = [];
        foreach (var ((name, _), state) in DecayGroups.InOrder(model).Zip(States(optimizer)))
        {
            moments.Add(($"{name}.exp_avg", state.exp_avg));
            moments.Add(($"{name}.exp_avg_sq", state.exp_avg_sq));
        }
        return moments;
    }

    private static IEnumerable<AdamW.State> States(AdamW optimizer) => optimizer.state_dict().State.Cast<AdamW.State>();

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
