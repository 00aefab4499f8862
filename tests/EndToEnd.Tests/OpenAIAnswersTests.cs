using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Chat;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>OpenAI's own .NET client asks for answers at once, unmodified.</summary>
public sealed class OpenAIAnswersTests(StackFixture fixture)
{
    private const string Model = "llada-tiny-instruct";

    private static readonly ChatMessage[] s_messages = [new SystemChatMessage("Answer briefly."), new UserChatMessage("What is a fox?")];

    [Fact]
    public async Task A_dialogue_is_answered_at_once()
    {
        var options = new ChatCompletionOptions
        {
            MaxOutputTokenCount = 8,
            IncludeLogProbabilities = true,
            TopLogProbabilityCount = 2,
            FrequencyPenalty = 0.5f,
        };
        var completion = (await NewClient().CompleteChatAsync(s_messages, options)).Value;

        Assert.Equal((Model, ChatMessageRole.Assistant), (completion.Model, completion.Role));
        Assert.NotEmpty(completion.Content.Single().Text);
        Assert.True(completion.FinishReason is ChatFinishReason.Stop or ChatFinishReason.Length);
        Assert.InRange(completion.Usage.OutputTokenCount, 1, 8);
        Assert.Equal(completion.Usage.OutputTokenCount, completion.ContentTokenLogProbabilities.Count);
        Assert.All(completion.ContentTokenLogProbabilities, token =>
            Assert.True(token.LogProbability <= 0 && token.TopLogProbabilities.Count == 2));
    }

    [Fact]
    public async Task A_stream_has_the_text_of_the_whole_answer()
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 24 };
        string whole = (await NewClient().CompleteChatAsync(s_messages, options)).Value.Content.Single().Text;

        List<StreamingChatCompletionUpdate> updates = [];
        await foreach (var update in NewClient().CompleteChatStreamingAsync(s_messages, options))
            updates.Add(update);

        Assert.Equal(whole, string.Concat(updates.SelectMany(update => update.ContentUpdate).Select(part => part.Text)));
        Assert.Equal(ChatMessageRole.Assistant, updates[0].Role);
        Assert.True(updates[^1].FinishReason is not null || updates[^1].Usage is not null);
        Assert.True(updates.Count > 3);
    }

    [Fact]
    public async Task An_error_of_the_line_is_the_clients_error()
    {
        var refused = await Assert.ThrowsAsync<ClientResultException>(() =>
            NewClient().CompleteChatAsync(s_messages, new ChatCompletionOptions { Temperature = 11 }));

        Assert.Equal(400, refused.Status);
        Assert.Contains("temperature", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_endpoint_of_a_batch_answers_at_once()
    {
        using var client = fixture.Stack.CreateClient();
        string model = await Batches.ModelAsync(client);

        var infilled = await AskAsync(client, "/v1/infill", new() { ["model"] = model, ["text"] = "And the [MASK:2] was good." });
        var completed = await AskAsync(
            client, "/v1/completions", new() { ["model"] = model, ["prompt"] = "In the beginning", ["max_tokens"] = 4 });
        var scored = await AskAsync(
            client, "/v1/score",
            new() { ["model"] = model, ["prompt"] = "In the", ["completions"] = new JsonArray(" beginning"), ["num_samples"] = 4 });

        Assert.StartsWith("And the ", infilled["text"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.NotEmpty(completed["choices"]![0]!["text"]!.GetValue<string>());
        Assert.Equal(0, scored["best"]!.GetValue<int>());
    }

    private static async Task<JsonNode> AskAsync(HttpClient client, string path, JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString());
        using var response = await client.PostAsync(path, content);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    private ChatClient NewClient() => new(
        Model,
        new ApiKeyCredential(fixture.Stack.ApiKey),
        new OpenAIClientOptions { Endpoint = new Uri(fixture.Stack.Address + "/v1"), RetryPolicy = new ClientRetryPolicy(0) });
}
