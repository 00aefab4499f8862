using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Infra.Tests.Train;

/// <summary>A network of a few thousand weights goes through every command that makes or judges one.</summary>
public sealed class TrainingCommandsTests : IDisposable
{
    private static readonly string s_base = Path.Combine(Repository.Root, "gpu-worker", "models", "llada-tiny-base");

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-training-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("must be positive", "--heads", "0")]
    [InlineData("must split into 3 heads", "--heads", "3")]
    [InlineData("--sequence-length is 0", "--sequence-length", "0")]
    [InlineData("--sequence-length is 40", "--sequence-length", "40")]
    [InlineData("steps", "--steps", "0")]
    [InlineData("at least 1", "--batch-size", "0")]
    [InlineData("noise levels lie between 0 and 1.5", "--max-noise", "1.5")]
    [InlineData("warmup (3) and decay (0) must fit into the 2 steps", "--warmup-steps", "3")]
    [InlineData("--causal", "--causal", "--from")]
    public async Task What_pretrain_cannot_do_gets_one_sentence(string sentence, string option, string value)
    {
        string[] arguments = Pretrain("model");
        int place = Array.IndexOf(arguments, option);
        string[] added = value == "--from" ? [option, value, s_base] : [option, value];
        arguments = place < 0 ? [.. arguments, .. added] : [.. arguments[..(place + 1)], value, .. arguments[(place + 2)..]];

        var (code, _, error) = await TrainProgram.RunAsync(arguments);

        Assert.Equal(1, code);
        Assert.Contains(sentence, Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.False(Directory.Exists(File("model")));
    }

    [Fact]
    public async Task Twin_has_no_noise_to_clip()
    {
        var (code, _, error) = await TrainProgram.RunAsync([.. Pretrain("model"), "--causal", "--min-noise", "0"]);

        Assert.Equal(1, code);
        Assert.Contains("--min-noise and --max-noise go with diffusion models", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Model_is_pretrained_tuned_in_its_place_and_judged()
    {
        System.IO.File.WriteAllText(File("dialogues.jsonl"), """{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}""" + "\n");

        await DoneAsync(Pretrain("model"));
        await DoneAsync(
            "sft", "--model", File("model"), "--out", File("model"), "--run", File("tuning"), "--data", File("dialogues.jsonl"), "--epochs", "2", "--batch-size", "1", "--learning-rate", "1e-3");
        await DoneAsync("answers", "--model", File("model"), "--data", File("dialogues.jsonl"), "--max-tokens", "2");
        await DoneAsync("evaluate", "--model", File("model"), "--text", File("text.txt"), "--max-length", "16", "--samples", "1", "--questions", "1", "--json");

        using var model = Checkpoint.Load(File("model"));
        Assert.Equal(16, model.Config.ModelWidth);
    }

    private static async Task DoneAsync(params string[] arguments)
    {
        var (code, _, error) = await TrainProgram.RunAsync(arguments);
        Assert.Equal((0, ""), (code, error));
    }

    private string[] Pretrain(string model)
    {
        System.IO.File.WriteAllText(File("text.txt"), string.Join(' ', Enumerable.Repeat("In the beginning God created the heaven and the earth.", 10)));
        return
        [
            "pretrain", "--text", File("text.txt"), "--validation", File("text.txt"), "--tokenizer", s_base, "--run", File("run"), "--out", File(model),
            "--steps", "2", "--width", "16", "--layers", "1", "--heads", "2", "--sequence-length", "16", "--max-length", "32", "--batch-size", "2",
        ];
    }

    private string File(string name) => Path.Combine(_folder, name);
}
