using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed partial class BatchPagesTests(PageFixture fixture)
{
    private static readonly LocatorAssertionsToBeVisibleOptions s_whenDone = new() { Timeout = 60_000 };

    [Fact]
    public async Task A_dropped_file_is_checked_sent_and_shown_with_its_answers_and_its_failed_lines_run_again()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync("batches");
        await DropAsync(opened.Page, Requests.Lines);

        await Expect(opened.Page.GetByText("3 lines for /v1/infill")).ToBeVisibleAsync();
        await opened.Button("Send and start").ClickAsync();

        await Expect(opened.Page).ToHaveURLAsync(BatchAddress());
        await Expect(opened.Page.Locator(".state", new() { HasText = "completed" }).First).ToBeVisibleAsync(s_whenDone);
        await Expect(opened.Page.GetByText("2 done, 1 failed of 3")).ToBeVisibleAsync(s_whenDone);
        await Expect(opened.Page.Locator("article.line p.text mark")).ToHaveCountAsync(2);
        await opened.AssertSoundAsync();

        await opened.Button("no gap: 1").ClickAsync();
        await Expect(opened.Page.Locator("article.line")).ToHaveCountAsync(1);

        string first = opened.Page.Url;
        await opened.Button("Retry the failed lines").ClickAsync();
        await Expect(opened.Page.GetByText("Runs again the failed lines of")).ToBeVisibleAsync();
        Assert.NotEqual(first, opened.Page.Url);
        await Expect(opened.Page.GetByText("0 done, 1 failed of 1")).ToBeVisibleAsync(s_whenDone);
    }

    [Fact]
    public async Task A_file_with_faults_is_told_by_line_and_cannot_be_sent()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync("batches");

        await DropAsync(opened.Page, """
            {"custom_id": "a", "url": "/v1/infill", "body": {"model": "m", "text": "[MASK]"}}
            {"custom_id": "a", "url": "/v1/infill", "body": {"model": "m", "text": "[MASK]"}}
            {"custom_id": "b", "url": "/v1/score", "body": {"model": "m"}}
            {"custom_id": "c", "url": "/v1/infill", "body": {}}
            no JSON
            """);

        await Expect(opened.Page.GetByText("Line 2: custom_id 'a' stands on an earlier line too")).ToBeVisibleAsync();
        await Expect(opened.Page.GetByText("Line 3: url is '/v1/score', and that of the first line '/v1/infill'")).ToBeVisibleAsync();
        await Expect(opened.Page.GetByText("Line 4: body.model is missing")).ToBeVisibleAsync();
        await Expect(opened.Page.GetByText("Line 5: it is not JSON")).ToBeVisibleAsync();
        await Expect(opened.Button("Send and start")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task The_answers_are_downloaded_as_the_service_keeps_them()
    {
        using var client = fixture.Stack.CreateClient();
        string id = await Requests.EndedBatchAsync(client);
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync($"batches/{id}");

        var download = await opened.Page.RunAndWaitForDownloadAsync(() => opened.Button("Download the answers").ClickAsync());

        using var reader = new StreamReader(await download.CreateReadStreamAsync());
        string text = await reader.ReadToEndAsync();
        Assert.Equal(2, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal($"{id}-output.jsonl", download.SuggestedFilename);
    }

    [GeneratedRegex("#/batches/batch_", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BatchAddress();

    /// <summary>Drops a file as a person does with the mouse.</summary>
    private static async Task DropAsync(IPage page, string content)
    {
        var transfer = await page.EvaluateHandleAsync(
            "content => { const t = new DataTransfer(); t.items.add(new File([content], 'lines.jsonl')); return t; }", content);
        await page.Locator(".drop").DispatchEventAsync("drop", new { dataTransfer = transfer });
    }
}
