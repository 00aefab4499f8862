using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client.Webhooks;

namespace LLaDA.Batch.Cli.Subscriptions;

/// <summary>Webhook endpoints of the tenant.</summary>
internal static class WebhooksCommand
{
    private const string IdForm = "we_...";

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("webhooks", "Webhook endpoints: list, create, test, deliveries, delete")
        {
            ServiceCommands.List(
                target, "list", "Lists endpoints", (client, _, cancellation) => client.Webhooks.ListAsync(cancellation), limit: null,
                ("ID", endpoint => endpoint.Id), ("URL", endpoint => endpoint.Url),
                ("EVENTS", endpoint => string.Join(",", endpoint.Events))),
            Create(target),
            Test(target),
            Deliveries(target),
            ServiceCommands.Delete(
                target, "Deletes an endpoint and its log", IdForm,
                (client, id, cancellation) => client.Webhooks.DeleteAsync(id, cancellation)),
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

    private static Command Test(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
        var command = new Command("test", "Sends a test event now; exits with 1 when the endpoint does not take it") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var delivery = await client.Webhooks.TestAsync(parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Result(delivery, AnswerTo(delivery));
            return delivery.Status == "delivered" ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }

    private static Command Deliveries(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
        var command = ServiceCommands.List(
            target, "deliveries", "Lists what was delivered to an endpoint, newest event first",
            (client, parse, cancellation) => client.Webhooks.DeliveriesAsync(parse.GetRequiredValue(id), cancellation),
            ServiceCommands.Limit(),
            ("EVENT", delivery => delivery.Type), ("STATUS", delivery => delivery.Status), ("OF", delivery => delivery.Data.Id),
            ("ANSWER", delivery => AnswerTo(delivery)), ("ATTEMPTS", delivery => delivery.Attempts),
            ("LAST", delivery => delivery.AttemptedAt),
            ("NEXT", delivery => delivery.NextAttemptAt));
        command.Arguments.Add(id);
        return command;
    }

    private static string AnswerTo(WebhookDelivery delivery) => delivery.Message ?? $"The endpoint answered {delivery.StatusCode}";
}
