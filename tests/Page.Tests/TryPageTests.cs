using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace LLaDA.Batch.Page.Tests;

public sealed class TryPageTests(PageFixture fixture)
{
    [Fact]
    public async Task Gaps_are_filled_at_once_and_how_it_came_about_is_played_step_by_step()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.Page.Locator("#text").FillAsync(@"And God said unto [MASK:2], Go forth into the [MASK:1]. \[MASK]");
        await opened.Button("Fill").ClickAsync();

        var answer = opened.Page.GetByRole(AriaRole.Region, new() { Name = "Answer" });
        await Expect(answer.Locator("p.text mark").First).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await Expect(answer.GetByText("2 gaps")).ToBeVisibleAsync();
        var replay = opened.Page.GetByRole(AriaRole.Region, new() { Name = "How it came about" });
        await replay.GetByRole(AriaRole.Slider).FillAsync("0");
        await Expect(replay.GetByText("3 masks left")).ToBeVisibleAsync();
        await Expect(replay.Locator(".mask")).ToHaveCountAsync(3);
        await replay.GetByLabel("Speed").SelectOptionAsync("10");
        await replay.GetByRole(AriaRole.Button, new() { Name = "Play" }).ClickAsync();
        await Expect(replay.GetByText("0 masks left")).ToBeVisibleAsync();
        await opened.AssertSoundAsync();
    }

    [Fact]
    public async Task A_message_is_answered()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.Page.GetByLabel("Chat").CheckAsync();
        await opened.Page.GetByLabel("Model").SelectOptionAsync("llada-tiny-instruct");
        await opened.Page.Locator("#text").FillAsync("What is a fox?");
        await opened.Page.Keyboard.PressAsync("Control+Enter");

        var answer = opened.Page.GetByRole(AriaRole.Region, new() { Name = "Answer" });
        await Expect(answer.Locator("p.text").First).Not.ToBeEmptyAsync(new() { Timeout = 60_000 });
        await opened.AssertSoundAsync();
    }

    [Fact]
    public async Task A_gap_takes_one_of_the_texts_that_were_given_and_another_one_word()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.Page.Locator("#text").FillAsync("And God said unto [MASK], Go forth into the [MASK:2].");
        await opened.Page.GetByText("Gaps", new() { Exact = true }).ClickAsync();
        await opened.Page.GetByLabel("Gap 1, [MASK]").SelectOptionAsync("one of my texts");
        await opened.Page.GetByLabel("Texts for gap 1, one a line").FillAsync("Noah\nthe fish\n");
        await opened.Page.GetByLabel("Gap 2, [MASK:2]").SelectOptionAsync("word");
        await opened.AssertSoundAsync();
        await opened.Button("Fill").ClickAsync();

        var answer = opened.Page.GetByRole(AriaRole.Region, new() { Name = "Answer" });
        await Expect(answer.Locator("p.text").First).ToHaveTextAsync(
            Matching(@"^And God said unto (?:Noah|the fish), Go forth into the [A-Za-z]+\.$"), new() { Timeout = 60_000 });
        await answer.GetByText("2 gaps").ClickAsync();
        await Expect(answer.GetByText(Matching(@"Noah \(\d+ %\), the fish \(\d+ %\)"))).ToBeVisibleAsync();
        await opened.AssertSoundAsync();
    }

    [Fact]
    public async Task A_message_is_answered_as_often_as_asked()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.Page.GetByLabel("Chat").CheckAsync();
        await opened.Page.GetByLabel("Model").SelectOptionAsync("llada-tiny-base");
        await opened.Page.Locator("#text").FillAsync("What is a fox?");
        await opened.Page.GetByText("Parameters", new() { Exact = true }).ClickAsync();
        await opened.Page.GetByLabel("Answers").FillAsync("2");
        await opened.Page.GetByLabel("Temperature").FillAsync("1");
        await opened.Button("Send").ClickAsync();

        var answer = opened.Page.GetByRole(AriaRole.Region, new() { Name = "Answer", Exact = true });
        await Expect(answer.GetByRole(AriaRole.Heading, new() { Name = "Answer 2" })).ToBeVisibleAsync(new() { Timeout = 60_000 });
        string[] texts = [.. await answer.Locator("p.text:not(.canvas)").AllTextContentsAsync()];
        Assert.Equal(2, texts.Distinct(StringComparer.Ordinal).Count());
        await Expect(answer.GetByRole(AriaRole.Slider)).ToHaveCountAsync(2);
        await opened.AssertSoundAsync();
    }

    [Fact]
    public async Task What_the_service_refuses_is_told_in_its_words()
    {
        await using var opened = await OpenedPage.AtAsync(fixture, fixture.Stack.ApiKey);
        await opened.Page.Locator("#text").FillAsync("There is no gap here.");
        await opened.Button("Fill").ClickAsync();

        await Expect(opened.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("gap", new() { Timeout = 60_000 });
    }

    private static Regex Matching(string pattern) => new(pattern, RegexOptions.None, TimeSpan.FromSeconds(1));
}
