using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed class WebhookPageTests(PageFixture fixture)
{
    [Fact]
    public async Task A_test_of_an_endpoint_shows_its_outcome_and_stands_among_the_deliveries()
    {
        using var client = fixture.Stack.CreateClient();
        string id = await Requests.CreateAsync(client, "/v1/webhook_endpoints", new { url = "http://127.0.0.1:9/tested" });
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.GoAsync("webhooks");
        await opened.Page.GetByText(id).ClickAsync();
        await Expect(opened.Page.GetByText("Nothing was delivered yet")).ToBeVisibleAsync();

        await opened.Button("Send a test").ClickAsync();

        await Expect(opened.Page.GetByRole(Microsoft.Playwright.AriaRole.Status).GetByText("gave up")).ToBeVisibleAsync();
        // What ends in other tests meanwhile is delivered to this endpoint too.
        var test = opened.Page.Locator("tr", new() { HasText = "webhook_endpoint.test" });
        await Expect(test).ToHaveCountAsync(1);
        await Expect(test).ToContainTextAsync("The endpoint cannot be reached");
        await opened.AssertSoundAsync();
    }
}
