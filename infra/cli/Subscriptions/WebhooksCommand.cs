using System.CommandLine;
using LLaDA.Batch.Cli.Service;

namespace LLaDA.Batch.Cli.Subscriptions;

/// <summary>Webhook endpoints of the tenant.</summary>
internal static class WebhooksCommand
{
    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("webhooks", "Webhook endpoints: list, create, delete")
        {
            ServiceCommands.List(
                target, "list", "Lists endpoints", (client, _, cancellation) => client.Webhooks.ListAsync(cancellation), limit: null,
                ("ID", endpoint => endpoint.Id), ("URL", endpoint => endpoint.Url),
                ("EVENTS", endpoint => string.Join(",", endpoint.Events))),
            Create(target),
            ServiceCommands.Delete(
                target, "Deletes an endpoint", "we_...", (client, id, cancellation) => client.Webhooks.DeleteAsync(id, cancellation)),
        };
        target.AddTo(group);
        return group;
    }

    private static Command Create(ServiceTarget target)
    {
        var url = new Argument<string>("url") { Description = "Address that is called" };
        var events = new Option<string[]>("--event")
        {
            Description = "Name of an event; may be repeated; all by default",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("create", "Registers an endpoint and prints its secret, which is shown once") { url, events };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            string[] chosen = parse.GetValue(events)!;
            var endpoint = await client.Webhooks.CreateAsync(parse.GetRequiredValue(url), chosen.Length == 0 ? null : chosen, cancellation);
            target.Shell(parse).Result(endpoint, $"{endpoint.Id} {endpoint.Secret}");
        });
        return command;
    }
}
