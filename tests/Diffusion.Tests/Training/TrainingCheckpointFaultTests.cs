using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>Checkpoints that are incomplete, damaged or of another run.</summary>
public sealed class TrainingCheckpointFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before_wherever_it_was_killed()
    {
        using (var model = TinyModel.Random())
            TinyTraining.RunUntil(7, model, _folder.Path);
        string last = _folder.File("checkpoints/step-00000006");
        string[] written =
            [.. Directory.GetFiles(last).OrderBy(File.GetLastWriteTimeUtc).ThenBy(file => Path.GetFileName(file) == Manifest.FileName)];
        Assert.Equal(Manifest.FileName, Path.GetFileName(written[^1]));

        for (int numWritten = written.Length - 1; numWritten >= 0; numWritten--)
        {
            File.Delete(written[numWritten]);
            if (numWritten > 0)
                File.WriteAllText(written[numWritten - 1], "half of a fi");
            string copy = _folder.File($"killed-{numWritten}");
            CopyFolder(_folder.File("checkpoints"), Path.Combine(copy, "checkpoints"));
            using var model = TinyModel.Random();

            Assert.Equal(4, TinyTraining.Run(model, copy)[0].Step);
            Assert.Equal(2, Directory.GetDirectories(Path.Combine(copy, "checkpoints")).Length);
        }
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("optimizer.safetensors")]
    [InlineData("state.json")]
    [InlineData("config.json")]
    public void Damaged_or_missing_file_is_refused_by_name(string name)
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(4, model, _folder.Path);
        string file = _folder.File($"checkpoints/step-00000003/{name}");
        byte[] bytes = File.ReadAllBytes(file);

        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(file, bytes);
        var damaged = Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path));
        File.Delete(file);
        var missing = Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path));

        Assert.StartsWith($"{file} is damaged", damaged.Message, StringComparison.Ordinal);
        Assert.StartsWith($"{file} is missing", missing.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"files\": null}")]
    [InlineData("{\"files\": {\"../../passwd\": {\"bytes\": 1, \"sha256\": \"\"}}}")]
    public void Damaged_manifest_is_refused_by_name(string text)
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(4, model, _folder.Path);
        File.WriteAllText(_folder.File("checkpoints/step-00000003/manifest.json"), text);

        Assert.Contains(
            "manifest.json is not a list of files", Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Optimizer_or_state_of_another_run_is_refused_by_name()
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(4, model, _folder.Path);
        string folder = _folder.File("checkpoints/step-00000003");

        Assert.Contains(
            "state.json belongs to a run with seed 1, batches of 4", Refusal(TinyTraining.Options with { BatchSize = 2 }).Message,
            StringComparison.Ordinal);
        Assert.Contains("this one has seed 9", Refusal(TinyTraining.Options with { Seed = 9 }).Message, StringComparison.Ordinal);
        Assert.Contains(
            "this one has seed 1, batches of 4, data", Refusal(TinyTraining.Options with { EmaDecay = 0.9 }).Message,
            StringComparison.Ordinal);
        Assert.Contains("average 0.9", Refusal(TinyTraining.Options with { EmaDecay = 0.9 }).Message, StringComparison.Ordinal);
        Assert.Contains(
            "over t in [0, 0.5]", Refusal(TinyTraining.Options with { NoiseLevels = new NoiseLevels(0, 0.5) }).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "Token over t", Refusal(TinyTraining.Options with { Reduction = LossReduction.Token }).Message, StringComparison.Ordinal);

        using (var other = ones(3))
            SafetensorsWriter.Write(Path.Combine(folder, "optimizer.safetensors"), [("something", other)]);
        Manifest.Write(folder);
        Assert.Contains("optimizer.safetensors lacks wte.weight.exp_avg", Refusal(TinyTraining.Options).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "state.json"), "half of a fi");
        Manifest.Write(folder);
        Assert.Contains("state.json has no readable training state", Refusal(TinyTraining.Options).Message, StringComparison.Ordinal);

        CheckpointException Refusal(TrainingOptions options) => Assert.Throws<CheckpointException>(
            () => TinyTraining.Run(model, _folder.Path, options));
    }

    [Fact]
    public void Checkpoint_of_another_network_is_refused_by_name()
    {
        using (var model = TinyModel.Random())
            TinyTraining.Run(model, _folder.Path);
        using var other = TinyModel.Random(TinyModel.Config with { FeedForwardWidth = 64 });

        var exception = Assert.Throws<CheckpointException>(() => TinyTraining.Run(other, _folder.Path));

        Assert.Contains("blocks.0.ff_proj.weight Float32 [48, 32] should have shape [64, 32]", exception.Message, StringComparison.Ordinal);
    }

    private static void CopyFolder(string source, string destination)
    {
        foreach (string file in Directory.GetFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(destination, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
