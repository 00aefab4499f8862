using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

/// <summary>The form for new fine-tuning jobs.</summary>
public sealed partial class NewJobTests(PageFixture fixture)
{
    private const string Preferences = """{"input": {"messages": [{"role": "user", "content": "What is a fox?"}]}, """
        + "\"preferred_output\": [{\"role\": \"assistant\", \"content\": \"A wild animal.\"}], "
        + "\"non_preferred_output\": [{\"role\": \"assistant\", \"content\": \"No idea.\"}]}";

    private const string Questions = """
        {"messages": [{"role": "user", "content": "What is a fox?"}], "reference": "A wild animal."}
        """;

    [Fact]
    public async Task A_job_of_preferences_is_refused_in_the_words_of_the_service_and_starts_with_the_beta_that_is_typed()
    {
        using var client = fixture.Stack.CreateClient();
        await using var opened = await ChosenAsync("preferences.jsonl", Preferences, "preferences");
        foreach (string beta in (string[])["0", "101", "\"a lot\""])
        {
            await opened.Page.GetByLabel("Beta").FillAsync(beta.Trim('"'));
            await opened.Button("Send and start").ClickAsync();
            await AssertRefusedAsync(opened, client, $$$$"""{"type": "dpo", "dpo": {"hyperparameters": {"beta": {{{{beta}}}}}}}""");
        }
        await opened.AssertSoundAsync();

        await opened.Page.GetByLabel("Beta").FillAsync("0.5");
        await opened.Button("Send and start").ClickAsync();

        await AssertStartedAsync(opened, ("Method", "dpo"), ("beta", "0.5"));
        Assert.Equal(1, await CountAsync(client, "preferences.jsonl"));
    }

    [Fact]
    public async Task A_job_of_reinforcement_is_refused_in_the_words_of_the_service_and_starts_with_the_grader_that_is_typed()
    {
        using var client = fixture.Stack.CreateClient();
        await using var opened = await ChosenAsync("questions.jsonl", Questions, "questions, whose answers a grader judges");
        var grader = opened.Page.GetByRole(AriaRole.Textbox, new() { Name = "Grader" });
        string example = await grader.InputValueAsync();

        await grader.FillAsync("{");
        await opened.Button("Send and start").ClickAsync();
        await Expect(Refusal(opened)).ToContainTextAsync("method.reinforcement.grader is not valid JSON");
        foreach (string wrong in (string[])["null", "7", "{}", """{"type": "python"}""", """{"type": "text_similarity", "name": "a"}"""])
        {
            await grader.FillAsync(wrong == "null" ? "" : wrong);
            await opened.Button("Send and start").ClickAsync();
            await AssertRefusedAsync(
                opened, client, $$$$"""{"type": "reinforcement", "reinforcement": {"grader": {{{{wrong}}}}}}""");
        }
        await grader.FillAsync(example);
        await opened.Page.GetByLabel("Group size").FillAsync("1");
        await opened.Button("Send and start").ClickAsync();
        await AssertRefusedAsync(
            opened, client,
            $$$$"""{"type": "reinforcement", "reinforcement": {"grader": {{{{example}}}}, "hyperparameters": {"group_size": 1}}}""");
        await opened.AssertSoundAsync();

        await opened.Page.GetByLabel("Group size").FillAsync("4");
        await opened.Button("Send and start").ClickAsync();

        await AssertStartedAsync(opened, ("Method", "reinforcement"), ("group size", "4"));
        Assert.Equal(1, await CountAsync(client, "questions.jsonl"));
    }

    [GeneratedRegex("#/fine-tuning/ftjob-", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex JobAddress();

    private static ILocator Refusal(OpenedPage opened) => opened.Page.GetByRole(AriaRole.Alert);

    /// <summary>The form with a file and a method.</summary>
    private async Task<OpenedPage> ChosenAsync(string name, string lines, string method)
    {
        var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync("fine-tuning");
        await opened.Page.Locator("input[type=file]").SetInputFilesAsync(
            new FilePayload { Name = name, MimeType = "application/jsonl", Buffer = Encoding.UTF8.GetBytes(lines) });
        await opened.Page.GetByLabel("Lines are").SelectOptionAsync(new SelectOptionValue { Label = method });
        return opened;
    }

    /// <summary>Asserts that the form shows the sentence with which the service refuses a method.</summary>
    private static async Task AssertRefusedAsync(OpenedPage opened, HttpClient client, string method)
    {
        using var answer = await client.PostAsJsonAsync("/v1/fine_tuning/jobs", new JsonObject
        {
            ["model"] = "llada-tiny-base",
            ["training_file"] = "file-none",
            ["method"] = JsonNode.Parse(method),
        });
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        string sentence = (await answer.Content.ReadFromJsonAsync<JsonNode>())!["error"]!["message"]!.GetValue<string>();
        Assert.StartsWith("method.", sentence, StringComparison.Ordinal);
        await Expect(Refusal(opened)).ToHaveTextAsync(sentence);
    }

    /// <summary>Asserts that the page of a job is open which shows the values, and cancels the job.</summary>
    private static async Task AssertStartedAsync(OpenedPage opened, params (string Name, string Value)[] values)
    {
        await Expect(opened.Page).ToHaveURLAsync(JobAddress());
        foreach (var (name, value) in values)
            await Expect(opened.Page.Locator($"dt:text-is(\"{name}\") + dd")).ToHaveTextAsync(value);
        await opened.Button("Cancel").ClickAsync();
        await Expect(opened.Page.Locator(".state", new() { HasText = "cancelled" })).ToBeVisibleAsync(new() { Timeout = 60_000 });
    }

    /// <returns>Stored files of a name.</returns>
    private static async Task<int> CountAsync(HttpClient client, string name) =>
        (await client.GetFromJsonAsync<JsonNode>("/v1/files"))!["data"]!.AsArray()
            .Count(file => file!["filename"]!.GetValue<string>() == name);
}
