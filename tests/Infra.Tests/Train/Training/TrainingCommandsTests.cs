using LLaDA.Diffusion.Adapters;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Infra.Tests.Train.Training;

/// <summary>The commands of training and evaluation, on a model of a few thousand weights.</summary>
public sealed class TrainingCommandsTests : IDisposable
{
    private static readonly string s_base = Path.Combine(Repository.Root, "gpu-worker", "models", "llada-tiny-base");

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-training-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("--heads must be at least 1", "--heads", "0")]
    [InlineData("must split into 3 heads", "--heads", "3")]
    [InlineData("--sequence-length must be at least 1", "--sequence-length", "0")]
    [InlineData("--sequence-length is 40; it must be at most 32", "--sequence-length", "40")]
    [InlineData("--steps must be at least 1", "--steps", "0")]
    [InlineData("--steps must be at least 1", "--steps", "-5")]
    [InlineData("--width must be at least 1", "--width", "0")]
    [InlineData("--layers must be at least 1", "--layers", "0")]
    [InlineData("--max-length must be at least 1", "--max-length", "0")]
    [InlineData("--batch-size must be at least 1", "--batch-size", "0")]
    [InlineData("--micro-batch-size must be at least 1", "--micro-batch-size", "0")]
    [InlineData("--checkpoint-interval must be at least 1", "--checkpoint-interval", "0")]
    [InlineData("--keep must be at least 1", "--keep", "0")]
    [InlineData("--warmup-steps must be at least 0", "--warmup-steps", "-1")]
    [InlineData("'many' for option '--steps'", "--steps", "many")]
    [InlineData("noise levels lie between 0 and 1.5", "--max-noise", "1.5")]
    [InlineData("betas are 0.9 and 1;", "--beta2", "1")]
    [InlineData("warmup (3) and decay (0) must fit into the 2 steps", "--warmup-steps", "3")]
    [InlineData("--causal", "--causal", "--from")]
    public async Task What_pretrain_cannot_do_ends_with_one_sentence(string sentence, string option, string value)
    {
        string[] arguments = Pretrain("model");
        int place = Array.IndexOf(arguments, option);
        string[] added = value == "--from" ? [option, value, s_base] : [option, value];
        arguments = place < 0 ? [.. arguments, .. added] : [.. arguments[..(place + 1)], value, .. arguments[(place + 2)..]];

        var (code, _, error) = await TrainProgram.RunAsync(arguments);

        Assert.InRange(code, 1, 2);     // 2 where the parser itself finds the fault
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(sentence, lines[^1], StringComparison.Ordinal);
        Assert.InRange(lines.Length, 1, 2);
        Assert.False(Directory.Exists(File("model")));
    }

    [Theory]
    [InlineData("--samples must be at least 1", "evaluate", "--model", "m", "--text", "t", "--samples", "0")]
    [InlineData("--max-length must be at least 2", "evaluate", "--model", "m", "--text", "t", "--max-length", "1")]
    [InlineData("--max-tokens must be at least 1", "answers", "--model", "m", "--data", "d", "--max-tokens", "0")]
    [InlineData("--size must be at least", "tokenizer", "--text", "t", "--out", "o", "--size", "10")]
    [InlineData("--words must be at least 0", "instructions", "--data", "d", "--out", "o", "--words", "-1", "--verses", "1")]
    [InlineData("--unknown requires --words", "instructions", "--data", "d", "--out", "o", "--unknown", "1")]
    [InlineData("--words and --verses must be given together", "instructions", "--data", "d", "--out", "o", "--words", "1")]
    [InlineData("--epochs must be above 0", "sft", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--epochs", "0")]
    [InlineData("--epochs must be above 0", "sft", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--epochs", "NaN")]
    [InlineData("--lora-rank must be at least 1", "sft", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--lora-rank", "0")]
    [InlineData("--merge needs --lora-rank", "sft", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--merge")]
    [InlineData("--merge needs --lora-rank", "dpo", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--merge")]
    [InlineData("--beta must be above 0", "dpo", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--beta", "0")]
    [InlineData("argument '0.1'", "dpo", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--min-noise", "0.1")]
    [InlineData("--group-size must be at least 2", "reinforce", "--model", "m", "--data", "d", "--grader", "g", "--run", "r", "--out", "o",
        "--group-size", "1")]
    [InlineData("Option '--grader' is required.", "reinforce", "--model", "m", "--data", "d", "--run", "r", "--out", "o")]
    [InlineData("--init-text needs --virtual-tokens", "sft", "--model", "m", "--data", "d", "--run", "r", "--out", "o", "--init-text", "t")]
    [InlineData(
        "--lora-rank and --virtual-tokens exclude each other: one adapter is trained", "sft", "--model", "m", "--data", "d", "--run", "r",
        "--out", "o", "--lora-rank", "2", "--virtual-tokens", "2")]
    [InlineData("Option '--out' is required.", "corpus", "--data", "d")]
    [InlineData("Required command was not provided.")]
    public async Task A_wrong_command_line_ends_with_its_error(string error, params string[] arguments)
    {
        var (code, output, errors) = await TrainProgram.RunAsync(arguments);

        Assert.Equal("", output);
        Assert.InRange(code, 1, 2);     // 2 where the parser itself finds the fault
        Assert.Contains(error, errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_reports_where_it_resumes_and_ends_with_the_model_its_time_and_what_to_do_next()
    {
        string[] half = [.. Pretrain("model"), "--checkpoint-interval", "1"];
        var (_, first, _) = await TrainProgram.RunAsync(half);
        Assert.DoesNotContain("resumes", first, StringComparison.Ordinal);
        string last = first.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.StartsWith($"The model is in {File("model")} after 0.", last, StringComparison.Ordinal);
        Assert.Contains("Next: evaluate", last, StringComparison.Ordinal);

        // As a kill between two checkpoints leaves it.
        Directory.Delete(Trainer.CheckpointFolder(File("run"), 2), recursive: true);
        var (code, again, _) = await TrainProgram.RunAsync(half);

        Assert.Equal(0, code);
        Assert.Equal("resumes at step 1 of 2", again.Split('\n', StringSplitOptions.RemoveEmptyEntries)[0]);
    }

    [Fact]
    public async Task Optimizer_and_decay_of_squared_gradients_are_those_that_were_asked_for()
    {
        await DoneAsync([.. Pretrain("model"), "--optimizer", "Muon", "--beta2", "0.999", "--checkpoint-interval", "1"]);

        using var scope = NewDisposeScope();
        using var moments = new SafetensorsFile(Path.Combine(Trainer.CheckpointFolder(File("run"), 1), "optimizer.safetensors"));
        Assert.Contains(moments.Tensors.Keys, name => name == "blocks.0.q_proj.weight.momentum_buffer");
        Assert.DoesNotContain(moments.Tensors.Keys, name => name == "blocks.0.q_proj.weight.exp_avg");
        // After one step the averages are 0.1 times the gradient and 0.001 times its square.
        var average = moments.Read("wte.weight.exp_avg").pow(2).sum() / 0.01;
        Assert.Equal(0.001, (moments.Read("wte.weight.exp_avg_sq").sum() / average).item<float>(), 1e-6);
    }

    [Theory]
    [InlineData("sft", "0.95")]
    [InlineData("dpo", "0.95")]
    [InlineData("reinforce", "0.99")]
    public async Task Help_tells_each_ways_decay_of_squared_gradients(string way, string decay)
    {
        var (_, help, _) = await TrainProgram.RunAsync([way, "--help"]);

        string text = string.Join(' ', help.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains($"such as 0.999 [default: {decay}]", text, StringComparison.Ordinal);
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
        const string dialogue = """{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}""";
        System.IO.File.WriteAllText(File("dialogues.jsonl"), dialogue + "\n");

        await DoneAsync(Pretrain("model"));
        await DoneAsync(
            "sft", "--model", File("model"), "--out", File("model"), "--run", File("tuning"), "--data", File("dialogues.jsonl"),
            "--epochs", "2", "--batch-size", "1", "--learning-rate", "1e-3");
        const string pair = """
            {"input": {"messages": [{"role": "user", "content": "a"}]}, "preferred_output": [{"role": "assistant", "content": "b"}],
            """ + """
             "non_preferred_output": [{"role": "assistant", "content": "c"}]}
            """;
        System.IO.File.WriteAllText(File("pairs.jsonl"), pair + "\n");
        foreach (string[] trained in new string[][] { [], ["--lora-rank", "2", "--merge"] })
        {
            await DoneAsync([
                "dpo", "--model", File("model"), "--out", File("preferring"), "--run", File($"preferences{trained.Length}"), "--data",
                File("pairs.jsonl"), "--validation", File("pairs.jsonl"), "--batch-size", "1", "--samples", "2", .. trained,
            ]);
        }
        System.IO.File.WriteAllText(File("prompts.jsonl"), """{"prompt": "a", "reference": "b"}""" + "\n");
        const string grader = """
            {"type": "text_similarity", "name": "g", "evaluation_metric": "fuzzy_match", "input": "{{sample.output_text}}",
             "reference": "{{item.reference}}"}
            """;
        System.IO.File.WriteAllText(File("grader.json"), grader);
        await DoneAsync(
            "reinforce", "--model", File("model"), "--out", File("rewarded"), "--run", File("rewards"), "--data", File("prompts.jsonl"),
            "--validation", File("prompts.jsonl"), "--grader", File("grader.json"), "--batch-size", "1", "--group-size", "3",
            "--max-tokens", "4", "--lora-rank", "2", "--merge");
        System.IO.File.WriteAllText(File("prompts.jsonl"), """{"prompt": "a"}""" + "\n");
        var (code, _, error) = await TrainProgram.RunAsync(
        [
            "reinforce", "--model", File("model"), "--out", File("rewarded"), "--run", File("unjudged"), "--data", File("prompts.jsonl"),
            "--grader", File("grader.json"), "--max-tokens", "4",
        ]);
        Assert.Equal((1, true), (code, error.Contains("line 1: item.reference is missing", StringComparison.Ordinal)));
        await DoneAsync("answers", "--model", File("preferring"), "--data", File("dialogues.jsonl"), "--max-tokens", "2");
        await DoneAsync(
            "sft", "--model", File("model"), "--out", File("vectors"), "--run", File("prompting"), "--data", File("dialogues.jsonl"),
            "--epochs", "2", "--batch-size", "1", "--virtual-tokens", "3", "--init-text", "God created");
        await DoneAsync(
            "evaluate", "--model", File("model"), "--text", File("text.txt"), "--max-length", "16", "--samples", "1",
            "--questions", "1", "--json");

        using var model = AdaptedCheckpoint.Load(File("model"), File("vectors"));
        Assert.Equal((16, 3), (model.Config.ModelWidth, model.Config.NumVirtualTokens));
    }

    private static async Task DoneAsync(params string[] arguments)
    {
        var (code, _, error) = await TrainProgram.RunAsync(arguments);
        Assert.Equal((0, ""), (code, error));
    }

    private string[] Pretrain(string model)
    {
        const string sentence = "In the beginning God created the heaven and the earth.";
        System.IO.File.WriteAllText(File("text.txt"), string.Join(' ', Enumerable.Repeat(sentence, 10)));
        return
        [
            "pretrain", "--text", File("text.txt"), "--validation", File("text.txt"), "--tokenizer", s_base, "--run", File("run"),
            "--out", File(model), "--steps", "2", "--width", "16", "--layers", "1", "--heads", "2", "--sequence-length", "16",
            "--max-length", "32", "--batch-size", "2",
        ];
    }

    private string File(string name) => Path.Combine(_folder, name);
}
