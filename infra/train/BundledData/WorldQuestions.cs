using LLaDA.Batch.Train.BundledData.Work;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>Questions that neither a dictionary nor the Bible answers, in the forms that people ask first.</summary>
internal static class WorldQuestions
{
    private const int Seed = 1;

    private static readonly string[] s_places =
    [
        "France", "Japan", "Brazil", "Kenya", "Canada", "Norway", "Egypt", "India", "Peru", "Spain", "London", "Paris", "Rome", "Berlin",
        "Madrid", "Tokyo", "New York", "Cairo", "Oslo", "Lima",
    ];

    private static readonly string[] s_people =
    [
        "Shakespeare", "Newton", "Mozart", "Napoleon", "Darwin", "Cleopatra", "Einstein", "Homer", "Columbus", "Lincoln", "Galileo", "Bach",
    ];

    private static readonly string[] s_works =
        ["Hamlet", "Faust", "the Iliad", "Don Quixote", "Emma", "The Magic Flute", "War and Peace", "Robinson Crusoe"];

    private static readonly string[] s_things =
    [
        "a house", "a ship", "the sea", "a garden", "my friend", "the winter", "a horse", "bread", "a letter", "the moon", "a fox", "a hen",
        "music", "money", "the weather", "a computer", "a train", "football", "a bicycle", "a telephone",
    ];

    private static readonly string[] s_languages = ["French", "German", "Spanish", "Latin", "Greek", "Chinese"];

    private static readonly Func<Draw, string>[] s_forms =
    [
        draw => $"What is the capital of {draw.Of(s_places)}?",
        draw => $"How many people live in {draw.Of(s_places)}?",
        draw => $"How far is it from {draw.Of(s_places)} to {draw.Of(s_places)}?",
        draw => $"What is the weather in {draw.Of(s_places)} today?",
        draw => $"Tell me about {draw.Of(s_places)}.",
        draw => $"Who was {draw.Of(s_people)}?",
        draw => $"When was {draw.Of(s_people)} born?",
        draw => $"Where did {draw.Of(s_people)} live?",
        draw => $"Who wrote {draw.Of(s_works)}?",
        draw => $"What happens in {draw.Of(s_works)}?",
        draw => $"What is {draw.Between(2, 99)} plus {draw.Between(2, 99)}?",
        draw => $"What is {draw.Between(2, 12)} times {draw.Between(2, 12)}?",
        draw => $"How much is {draw.Between(20, 99)} minus {draw.Between(2, 19)}?",
        draw => $"What comes after {draw.Between(2, 999)}?",
        draw => $"What is {draw.Of(s_things)}?",
        draw => $"Write a poem about {draw.Of(s_things)}.",
        draw => $"Write a story about {draw.Of(s_things)}.",
        draw => $"Tell me about {draw.Of(s_things)}.",
        draw => $"How do I make {draw.Of(s_things)}?",
        draw => $"What is {draw.Of(s_languages)} for {draw.Of(s_things)}?",
        draw => $"What do you think of {draw.Of(s_things)}?",
        draw => $"Do you like {draw.Of(s_things)}?",
        _ => "Who are you?",
        _ => "What time is it?",
        _ => "How are you?",
        _ => "Can you help me?",
    ];

    /// <summary>Questions and requests of everyday life whose first two words begin no question of the dialogues.</summary>
    public static IReadOnlyList<string> Everyday { get; } =
    [
        "Are whales fish?", "Why is the sky blue?", "Should I take an umbrella?", "Did it rain yesterday?",
        "Could you book a table for two?", "Please send me the report.", "Will the shop be open on Sunday?", "Name three rivers.",
        "List the planets.", "Does my dog need more food?", "Translate this into French: good morning.", "Has the train left?",
        "Would you lend me some money?", "Count from one to ten.", "Was Rome built in a day?", "Make me a sandwich.", "Am I late?",
        "Have you seen my keys?", "Sing a song.", "Help me with my homework.", "Must I pay the bill today?",
    ];

    /// <summary>Different questions; the same for every call.</summary>
    /// <param name="count">At most some thousands, or the forms run out.</param>
    public static IEnumerable<string> Some(int count) => Enumerable.Range(0, int.MaxValue)
        .Select(number => new Draw(Seed, number))
        .Select(draw => draw.Of(s_forms)(draw))
        .Distinct()
        .Take(count);
}
