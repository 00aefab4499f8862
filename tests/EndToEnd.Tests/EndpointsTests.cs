using System.Text.Json.Nodes;

namespace LLaDA.Batch.EndToEnd.Tests;

public sealed class EndpointsTests(StackFixture fixture)
{
    [Fact]
    public async Task Infilling_fills_every_gap_and_leaves_the_rest()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        string[] texts = [
            "In the [MASK:1] God created the [MASK:1] and the earth.",
            "a [MASK:2] (noun): a kind of [MASK:3].", "no gap here", "tab\tand \\[MASK] kept, [MASK] filled 😀"];

        var batch = await Batches.RunAsync(
            client, "/v1/infill",
            [.. texts.Select((text, index) => Batches.Line($"{index}", "/v1/infill", new() { ["model"] = model, ["text"] = text }))]);

        Assert.Equal("completed", batch["status"]!.GetValue<string>());
        var output = await Batches.LinesAsync(client, batch, "output_file_id");
        Assert.Equal(["0", "1", "3"], output.Select(line => line["custom_id"]!.GetValue<string>()));
        Assert.All(output, line => Assert.Equal(200, line["response"]!["status_code"]!.GetValue<int>()));
        string last = output[2]["response"]!["body"]!["text"]!.GetValue<string>();
        Assert.StartsWith("tab\tand \\[MASK] kept, ", last, StringComparison.Ordinal);
        Assert.EndsWith(" filled 😀", last, StringComparison.Ordinal);
        var error = Assert.Single(await Batches.LinesAsync(client, batch, "error_file_id"));
        Assert.Equal(
            ("2", "no_gap"), (error["custom_id"]!.GetValue<string>(), error["response"]!["body"]!["error"]!["code"]!.GetValue<string>()));
        Assert.Equal("""{"total":4,"completed":3,"failed":1}""", batch["request_counts"]!.ToJsonString());
        Assert.True(batch["usage"]!["output_tokens"]!.GetValue<long>() >= 2 + 5 + 1);
    }

    [Fact]
    public async Task Completions_go_on_behind_a_prompt_and_between_two_texts()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);

        var batch = await Batches.RunAsync(
            client, "/v1/completions",
            Batches.Line(
                "behind", "/v1/completions", new() { ["model"] = model, ["prompt"] = "And God said,", ["max_tokens"] = 8, ["steps"] = 4 }),
            Batches.Line(
                "between", "/v1/completions", new()
                { ["model"] = model, ["prompt"] = "In the beginning God", ["suffix"] = " the heaven and the earth.", ["max_tokens"] = 2 }));

        var output = await Batches.LinesAsync(client, batch, "output_file_id");
        Assert.Equal(["behind", "between"], output.Select(line => line["custom_id"]!.GetValue<string>()));
        Assert.All(output, line => Assert.Equal("text_completion", line["response"]!["body"]!["object"]!.GetValue<string>()));
        Assert.NotEmpty(output[1]["response"]!["body"]!["choices"]![0]!["text"]!.GetValue<string>());
    }

    [Fact]
    public async Task Chat_answers_as_the_assistant()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        JsonArray Messages(params (string Role, string Content)[] messages) =>
            [.. messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })];

        var batch = await Batches.RunAsync(
            client, "/v1/chat/completions",
            Batches.Line(
                "one", "/v1/chat/completions", new()
                { ["model"] = model, ["max_tokens"] = 8, ["messages"] = Messages(("user", "What is a fox?")) }),
            Batches.Line(
                "many", "/v1/chat/completions", new()
                { ["model"] = model, ["max_tokens"] = 8,
                ["messages"] = Messages(("user", "Hello"), ("assistant", "Hello."), ("user", "And a dog?")) }));

        var output = await Batches.LinesAsync(client, batch, "output_file_id");
        Assert.Equal(2, output.Length);
        Assert.All(
            output, line => Assert.Equal("assistant", line["response"]!["body"]!["choices"]![0]!["message"]!["role"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Scores_say_which_completion_is_likelier()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        JsonObject Body(string prompt, params string[] completions) =>
            new() { ["model"] = model, ["prompt"] = prompt,
            ["completions"] = new JsonArray([.. completions.Select(text => JsonValue.Create(text))]), ["num_samples"] = 16 };

        var batch = await Batches.RunAsync(
            client, "/v1/score",
            Batches.Line("likely", "/v1/score", Body("In the beginning God created the heaven and the", " penguin.", " earth.")),
            Batches.Line("empty", "/v1/score", Body("In the beginning")));

        var scores = Assert.Single(await Batches.LinesAsync(client, batch, "output_file_id"))["response"]!["body"]!;
        Assert.Equal(1, scores["best"]!.GetValue<int>());
        Assert.All(scores["scores"]!.AsArray(), score => Assert.InRange(score!["log_likelihood"]!.GetValue<double>(), -100, 0));
        Assert.Equal(
            "invalid_value", Assert.Single(await Batches.LinesAsync(client, batch, "error_file_id"))[
                "response"]!["body"]!["error"]!["code"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_same_request_gets_the_same_text_alone_and_among_others()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        JsonObject Body(string text, int seed) => new() { ["model"] = model, ["text"] = text, ["temperature"] = 1, ["seed"] = seed };
        string mine = Batches.Line("mine", "/v1/infill", Body("And the [MASK:4] said unto [MASK:2].", 5));
        string[] others = [
            .. Enumerable.Range(0, 15)
            .Select(index => Batches.Line($"{index}", "/v1/infill", Body($"the {index} [MASK:{1 + (index % 6)}] of the house", index)))];

        var alone = await Batches.RunAsync(client, "/v1/infill", mine);
        var among = await Batches.RunAsync(client, "/v1/infill", [.. others[..7], mine, .. others[7..]]);

        async Task<string> TextAsync(JsonNode batch) =>
            (await Batches.LinesAsync(client, batch, "output_file_id"))
            .Single(line => line["custom_id"]!.GetValue<string>() == "mine")["response"]!["body"]!["text"]!.GetValue<string>();
        Assert.Equal(await TextAsync(alone), await TextAsync(among));
    }

    [Fact]
    public async Task Faults_of_the_input_fail_the_batch_with_their_lines()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        string good = Batches.Line("a", "/v1/infill", new() { ["model"] = model, ["text"] = "[MASK:1]" });

        var batch = await Batches.RunAsync(client, "/v1/infill", good, "nonsense", good);

        Assert.Equal("failed", batch["status"]!.GetValue<string>());
        Assert.Equal(
            [(2, "invalid_json_line"), (3, "duplicate_custom_id")], batch["errors"]!["data"]!.AsArray()
            .Select(fault => (fault!["line"]!.GetValue<int>(), fault["code"]!.GetValue<string>())));
    }
}
